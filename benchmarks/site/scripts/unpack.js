"use strict";

/** Files of this site are scripts that hold gzip in base64: a page that is opened from a disk may load nothing else. */
const site = {
  waiting: new Map(),

  /** The text in a packed file, loaded once. */
  load(name, address) {
    if (!this.waiting.has(name)) {
      const entry = {};
      entry.promise = new Promise((resolve, reject) => Object.assign(entry, { resolve, reject }));
      this.waiting.set(name, entry);
      const script = document.createElement("script");
      script.src = address;
      script.onerror = () => {
        this.waiting.delete(name);
        entry.reject(new Error(`${address} cannot be read`));
      };
      document.head.append(script);
    }
    return this.waiting.get(name).promise;
  },

  /** Called by a packed file. */
  receive(name, packed) {
    const characters = atob(packed);
    const bytes = new Uint8Array(characters.length);
    for (let place = 0; place < bytes.length; place++) bytes[place] = characters.charCodeAt(place);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const { resolve, reject } = this.waiting.get(name);
    new Response(stream).text().then(resolve, reject);
  },

  /** Load the chart library and run it; `Plotly` is there then. */
  library(address) {
    return this.load("plotly", address).then((text) => {
      if (globalThis.Plotly) return;
      const script = document.createElement("script");
      script.textContent = text;
      document.head.append(script);
    });
  },
};
