// Search on pages that are opened from files. Browsers start no worker there, so a script that would run in one runs in
// a hidden frame instead: the frame has what a worker has (importScripts, postMessage, onmessage) and nothing else is asked for.
(() => {
  if (location.protocol !== "file:") return;
  // The theme's script looks for this name to know that it runs in a frame.
  window.IFrameWorker = window.Worker = class extends EventTarget {
    constructor(address) {
      super();
      this.waiting = [];
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.frame.srcdoc = "<!doctype html><title>worker</title>";
      this.frame.addEventListener("load", () => this.start(new URL(address, document.baseURI).href), {
        once: true,
      });
      document.documentElement.append(this.frame);
    }
    start(address) {
      const inner = this.frame.contentWindow;
      const script = (source) =>
        new Promise((resolve, reject) => {
          const element = inner.document.createElement("script");
          element.addEventListener("load", resolve);
          element.addEventListener("error", () => reject(new Error(`${source} cannot be read`)));
          element.src = new URL(source, address).href;
          inner.document.head.append(element);
        });
      // One after the other: a language's stemmer needs the one before it.
      inner.importScripts = (...sources) => sources.reduce((before, next) => before.then(() => script(next)), Promise.resolve());
      inner.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      script(address).then(() => {
        this.inner = inner;
        this.waiting.splice(0).forEach((data) => this.deliver(data));
      });
    }
    deliver(data) {
      this.inner.dispatchEvent(new MessageEvent("message", { data }));
    }
    postMessage(data) {
      this.inner ? this.deliver(data) : this.waiting.push(data);
    }
    terminate() {
      this.frame.remove();
    }
  };
})();
