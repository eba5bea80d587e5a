// What scripts ask about where they run: performance, navigator; and scheduler, Workers' way to wait.

const { DateNow, Number, Promise } = isolet.primordials;

isolet.lazy(["Performance", "Navigator", "Scheduler", "performance", "navigator", "scheduler"], [], () => {
  const { natives } = isolet;
  const { define } = isolet.idl;
  const { setTimeout } = isolet;

  let origin;

  class Performance {
    #brand;
    // Whole milliseconds: no clock that is fine enough to measure caches with.
    now() {
      this.#brand;
      return natives.now();
    }
    get timeOrigin() {
      this.#brand;
      return (origin ??= DateNow() - natives.now());
    }
    toJSON() {
      return { timeOrigin: this.timeOrigin };
    }
  }
  define(Performance);

  class Navigator {
    #brand;
    get userAgent() {
      this.#brand;
      return "isolet";
    }
    get language() {
      this.#brand;
      return "en";
    }
  }
  define(Navigator);

  class Scheduler {
    #brand;
    wait(milliseconds) {
      this.#brand;
      return new Promise((resolve) => setTimeout(() => resolve(undefined), Number(milliseconds)));
    }
  }
  define(Scheduler);

  return {
    Performance,
    Navigator,
    Scheduler,
    performance: new Performance(),
    navigator: new Navigator(),
    scheduler: new Scheduler(),
  };
});
