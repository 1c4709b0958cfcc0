"""Meaning of the free-text names of tumour labels.

Label names in BIDS tables have no fixed vocabulary, and single words are misleading: "peritumoural oedema, no
enhancement" contains the word for enhancement, and "surrounding non-enhancing FLAIR hyperintensity" is the official
name of oedema in BraTS 2023. Words for parts are therefore read with their negations; ambiguous names are refused.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from gliofit.core.labels import TumourLabel

_BACKGROUND = re.compile(r"background|bg|clear label|none|unlabell?ed")

#: Words for parts, as whole words in lower case. "Flair" means tissue that is bright on FLAIR only.
_PARTS = (
    (re.compile(r"necro\w*|ncr|nec|cysts?|cystic"), TumourLabel.NECROTIC),
    (re.compile(r"o?edem\w*|ed|snfh|flair|infiltrat\w*|invaded"), TumourLabel.OEDEMA),
    (re.compile(r"(hyper)?enhanc\w*|enh|c?et"), TumourLabel.ENHANCING),
    (re.compile(r"netc?|ncetc?"), TumourLabel.NON_ENHANCING),
    (re.compile(r"cavit\w*|\w*resect\w*|rc"), TumourLabel.CAVITY),
)

#: Nouns that make "non-enhancing" a separate part: "non-enhancing tumour", but not "non-enhancing FLAIR signal".
_NOUNS = re.compile(r"tumou?rs?|core|components?|parts?|portion|solid|lesions?|mass|gliomas?|nodules?|rim|neoplasm")

#: Infiltrated tissue counts as oedema, as in BraTS; "infiltrating tumour" can be oedema or non-enhancing tumour.
_INFILTRATION = re.compile(r"infiltrat\w*|invaded")

#: "Non" negates the next part; the others negate every part up to the end of their phrase.
_NEGATE_NEXT = "non"
_NEGATE_PHRASE = frozenset(
    {"no", "not", "without", "lacking", "lacks", "excluding", "excludes", "except", "minus", "neither", "nor", "sans"}
)
#: Words that negate the previous part: "necrosis-free", "enhancement absent".
_NEGATE_BEFORE = frozenset({"free", "absent", "negative", "excluded", "none"})

#: Words that make a part uncertain or partial.
_DOUBT = re.compile(
    r"possib\w*|probab\w*|suspect\w*|maybe|questionable|indeterminate|mixed|partial\w*|partly|poorly|weakly|faintly|"
    r"minimal\w*|hypoenhanc\w*|hypo|\?"
)

#: Words of names that do not mean tumour.
_HEALTHY = re.compile(r"healthy|normal|matter|csf")

_ENDS_PHRASE = frozenset({",", ";", ":", "(", ")", "but", "with"})
_JOINS = frozenset({"and", "+", "&", ","})


class AmbiguousNameError(ValueError):
    """A name of a label that can mean more than one part of a tumour."""


@dataclass
class _Mention:
    """A part that a name mentions or excludes."""

    part: TumourLabel
    place: int
    negated: bool = False
    #: Whether the negation is "non" or "not", which describes tissue; the other negations exclude it.
    describes: bool = False


def tumour_part(name: str) -> TumourLabel | None:
    """Return the part of the tumour that the name of a label means, such as ``non-enhancing tumour core``.

    ``TumourLabel.NONE`` is the background; None if the name mentions no part.

    Raises
    ------
    AmbiguousNameError
        If the name can mean several parts.
    """
    words = _words(name)
    if _BACKGROUND.fullmatch(" ".join(words)):
        return TumourLabel.NONE
    mentions = _mentions(words)
    if not mentions or any(_HEALTHY.fullmatch(word) for word in words):
        return None
    before_nouns = [mention for mention in mentions if _before_noun(words, mention.place)]
    parts = {mention.part for mention in mentions if not mention.negated}
    excluded = [mention for mention in mentions if mention.negated and mention.part == TumourLabel.ENHANCING]
    if (
        any(_DOUBT.fullmatch(word) for word in words)
        or any(_INFILTRATION.fullmatch(words[mention.place]) for mention in before_nouns)
        or (TumourLabel.ENHANCING in parts and excluded)
    ):
        raise AmbiguousNameError(name)
    if excluded and (not parts or any(mention.describes for mention in excluded if mention in before_nouns)):
        parts.add(TumourLabel.NON_ENHANCING)
    if parts == {TumourLabel.NECROTIC, TumourLabel.NON_ENHANCING}:
        # The necrotic label of BraTS is necrotic and non-enhancing core.
        return TumourLabel.NECROTIC
    if len(parts) > 1:
        raise AmbiguousNameError(name)
    return next(iter(parts), None)


def _words(name: str) -> list[str]:
    """Split a name into words and punctuation, in lower case without accents, also at hyphens and underscores."""
    plain = unicodedata.normalize("NFKD", name.replace("œ", "oe").replace("Œ", "Oe"))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    text = re.sub(r"(?<=[a-z]{2})(?=[A-Z])", " ", plain).lower()
    text = re.sub(r"\bw\s*/\s*o\b", "without", text).replace("/", " and ")
    words = re.findall(r"[^\W_]+|[,;:()+&?]", text)
    # "Nonenhancing" and "unenhancing" are "non" and "enhancing".
    return [part for word in words for part in _split_prefix(word)]


def _split_prefix(word: str) -> list[str]:
    rest = re.sub(r"^(non|un)", "", word)
    return ["non", rest] if rest != word and _part_of(rest) is not None else [word]


def _part_of(word: str) -> TumourLabel | None:
    return next((part for pattern, part in _PARTS if pattern.fullmatch(word)), None)


def _mentions(words: list[str]) -> list[_Mention]:
    """Find the parts that a name mentions, in order, each with its negation."""
    mentions: list[_Mention] = []
    negator, joined = "", False
    for place, word in enumerate(words):
        part = _part_of(word)
        if part is not None:
            if joined and negator != _NEGATE_NEXT and all(mention.negated for mention in mentions):
                # "Without necrosis and oedema" may have oedema or not.
                raise AmbiguousNameError(" ".join(words))
            negator = "" if joined else negator
            mentions.append(_Mention(part, place, bool(negator), negator in (_NEGATE_NEXT, "not")))
            negator, joined = "" if negator == _NEGATE_NEXT else negator, False
        elif word == _NEGATE_NEXT or word in _NEGATE_PHRASE:
            if negator and not joined and word != "nor":
                raise AmbiguousNameError(" ".join(words))
            negator, joined = word, False
        elif word in _NEGATE_BEFORE and mentions and place - mentions[-1].place <= 2:
            mentions[-1].negated = True
        elif word in _JOINS and negator and mentions and mentions[-1].negated:
            joined = True
        elif word in _ENDS_PHRASE:
            negator, joined = "", False
    return mentions


def _before_noun(words: list[str], place: int) -> bool:
    """Return whether a noun of ``_NOUNS`` follows within three words, before any other part."""
    for word in words[place + 1 : place + 4]:
        if _NOUNS.fullmatch(word) or _part_of(word) is not None or word in _ENDS_PHRASE:
            return _NOUNS.fullmatch(word) is not None
    return False
