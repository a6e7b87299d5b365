/** Letting others have a turn: long work gives the event loop a chance now and then. */

/** Milliseconds of work between two turns; long enough that turns cost little, short enough that a page stays alive. */
const TURN_MS = 30;

/**
 * A function to await between steps of long work. Most calls return at once; now and then one waits for a turn of the
 * event loop, so that timers fire, abort signals arrive and a page repaints.
 */
export function turns(): () => Promise<void> | undefined {
  let last = performance.now();
  return () => {
    if (performance.now() - last < TURN_MS) return undefined;
    return new Promise((resolve) => {
      setTimeout(() => {
        last = performance.now();
        resolve();
      }, 0);
    });
  };
}
