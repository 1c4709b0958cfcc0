"""Which part of a tumour the free-text name of a label means.

Names of labels in BIDS tables follow no vocabulary. A word alone does not decide: "peritumoural oedema, no enhancement"
has the word for enhancement, and "surrounding non-enhancing FLAIR hyperintensity" is the official name of oedema in
BraTS 2023. Each word for a part is therefore read with its negation, and a name that can mean several parts is refused.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from gliofit.core.labels import TumourLabel

__all__ = ["AmbiguousNameError", "tumour_part"]

_BACKGROUND = re.compile(r"background|bg|clear label|none|unlabell?ed")

#: Words for parts, as whole words in lower case. "Flair" stands for what is bright on FLAIR alone.
_PARTS = (
    (re.compile(r"necro\w*|ncr|nec|cysts?|cystic"), TumourLabel.NECROTIC),
    (re.compile(r"o?edem\w*|ed|snfh|flair|infiltrat\w*|invaded"), TumourLabel.OEDEMA),
    (re.compile(r"(hyper)?enhanc\w*|enh|c?et"), TumourLabel.ENHANCING),
    (re.compile(r"netc?|ncetc?"), TumourLabel.NON_ENHANCING),
    (re.compile(r"cavit\w*|\w*resect\w*|rc"), TumourLabel.CAVITY),
)

#: Nouns that make "non-enhancing" a part of its own: "non-enhancing tumour", but not "non-enhancing FLAIR signal".
_NOUNS = re.compile(r"tumou?rs?|core|components?|parts?|portion|solid|lesions?|mass|gliomas?|nodules?|rim|neoplasm")

#: Infiltrated tissue counts as oedema, as in BraTS; "infiltrating tumour" can be oedema or non-enhancing tumour.
_INFILTRATION = re.compile(r"infiltrat\w*|invaded")

#: "Non" negates the next part. The others negate every part up to the end of their phrase.
_NEGATE_NEXT = "non"
_NEGATE_PHRASE = frozenset(
    {"no", "not", "without", "lacking", "lacks", "excluding", "excludes", "except", "minus", "neither", "nor", "sans"}
)
#: These negate the part before them: "necrosis-free", "enhancement absent".
_NEGATE_BEFORE = frozenset({"free", "absent", "negative", "excluded", "none"})

#: Words after which a part is only partly or perhaps what it is called.
_DOUBT = re.compile(
    r"possib\w*|probab\w*|suspect\w*|maybe|questionable|indeterminate|mixed|partial\w*|partly|poorly|weakly|faintly|"
    r"minimal\w*|hypoenhanc\w*|hypo|\?"
)

#: Names with these words are not of a tumour.
_HEALTHY = re.compile(r"healthy|normal|matter|csf")

_ENDS_PHRASE = frozenset({",", ";", ":", "(", ")", "but", "with"})
_JOINS = frozenset({"and", "+", "&", ","})


class AmbiguousNameError(ValueError):
    """A name of a label that can mean more than one part of a tumour."""


@dataclass
class _Mention:
    """A part that a name mentions, or denies."""

    part: TumourLabel
    place: int
    negated: bool = False
    #: Whether "non" or "not" stands before it, which describes what is there; the other negations exclude.
    describes: bool = False


def tumour_part(name: str) -> TumourLabel | None:
    """Part of a tumour that the name of a label means.

    Parameters
    ----------
    name
        Free text, such as ``non-enhancing tumour core``.

    Returns
    -------
    The part; ``TumourLabel.NONE`` for the background; None if the name does not mention a part.

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
    if any(_DOUBT.fullmatch(word) for word in words):
        raise AmbiguousNameError(name)
    if any(
        _INFILTRATION.fullmatch(words[mention.place]) and _before_noun(words, mention.place) for mention in mentions
    ):
        raise AmbiguousNameError(name)
    there = {mention.part for mention in mentions if not mention.negated}
    denied = [mention for mention in mentions if mention.negated and mention.part == TumourLabel.ENHANCING]
    if TumourLabel.ENHANCING in there and denied:
        raise AmbiguousNameError(name)
    solid = [mention for mention in denied if mention.describes and _before_noun(words, mention.place)]
    if (denied and not there) or solid:
        there.add(TumourLabel.NON_ENHANCING)
    if there == {TumourLabel.NECROTIC, TumourLabel.NON_ENHANCING}:
        # The necrotic label of BraTS is necrotic and non-enhancing core.
        return TumourLabel.NECROTIC
    if len(there) > 1:
        raise AmbiguousNameError(name)
    return next(iter(there), None)


def _words(name: str) -> list[str]:
    """Words and punctuation of a name in lower case without accents; hyphens and underscores separate words."""
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
    """Parts that a name mentions in turn, each with its negation.

    Raises
    ------
    AmbiguousNameError
        If it is not clear what a negation belongs to: a double negation, or a list after it.
    """
    mentions: list[_Mention] = []
    negator, joined = "", False
    for place, word in enumerate(words):
        part = _part_of(word)
        if part is not None:
            if joined and negator != _NEGATE_NEXT and not any(not other.negated for other in mentions):
                # "Without necrosis and oedema" may have oedema or not.
                raise AmbiguousNameError(" ".join(words))
            if joined:
                negator = ""
            mentions.append(_Mention(part, place, bool(negator), negator in (_NEGATE_NEXT, "not")))
            joined = False
            if negator == _NEGATE_NEXT:
                negator = ""
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
    """Whether a noun for a part of a tumour follows within three words, and no other part before it."""
    for word in words[place + 1 : place + 4]:
        if _NOUNS.fullmatch(word):
            return True
        if _part_of(word) is not None or word in _ENDS_PHRASE:
            return False
    return False
