/** Questions to the worker, as promises. */

import source from "worker-source";
import { Sentence } from "./manifest.js";

export class Client {
  constructor() {
    this.count = 0;
    /** @type {Map<number, {resolve: (answer: any) => void, reject: (error: Error) => void}>} */
    this.open = new Map();
    try {
      this.worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    } catch {
      throw new Sentence("This browser refuses the page its worker, so neighbours, axes and search are not there; the map is.");
    }
    this.worker.onmessage = ({ data }) => {
      const { resolve, reject } = /** @type {any} */ (this.open.get(data.id));
      this.open.delete(data.id);
      if (data.error) reject(new Error(data.error));
      else resolve(data.answer);
    };
    this.failed = /** @type {Promise<never>} */ (
      new Promise((_, reject) => {
        this.worker.onerror = (event) => {
          event.preventDefault();
          const error = new Sentence("The page's worker stopped: this browser refuses it, or has too little memory. The map still works.");
          for (const { reject: give } of this.open.values()) give(error);
          this.open.clear();
          reject(error);
        };
      })
    );
    this.failed.catch(() => {});
  }

  /** @param {string} question @param {Object<string, any>} [request] @param {Transferable[]} [moved] @returns {Promise<any>} */
  ask(question, request = {}, moved = []) {
    const id = ++this.count;
    const answer = new Promise((resolve, reject) => this.open.set(id, { resolve, reject }));
    this.worker.postMessage({ id, question, request }, moved);
    return Promise.race([answer, this.failed]);
  }
}
