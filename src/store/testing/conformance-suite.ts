import { afterEach, describe } from "vitest";
import type { ProfileStore } from "../profile-store.ts";
import type { SeriesLimits } from "../series/index.ts";
import { aggregationSuite } from "./aggregation-suite.ts";
import { identitySuite } from "./identity-suite.ts";
import { intakeSuite } from "./intake-suite.ts";
import { layoutSuite } from "./layout-suite.ts";
import { limitSuite } from "./limit-suite.ts";
import { questionSuite } from "./question-suite.ts";

/** What the suite wants of a store that it opens. */
export interface SuiteStoreOptions {
  readonly series?: Partial<SeriesLimits>;
}

/** A store under test. */
export interface SuiteContext {
  /** Opens an empty store, which is closed after the test. */
  readonly open: (options?: SuiteStoreOptions) => Promise<ProfileStore>;
  /**
   * Called after each step that changes the store. Where the answers come from must not matter: an implementation runs
   * the suite once as it is, and once with a step that flushes, compacts, or opens the store anew.
   */
  readonly settle: (store: ProfileStore) => Promise<void>;
}

/**
 * What every store promises (profile-store.ts), whatever it is made of. Call it in the implementation's test file.
 *
 * @param open an empty store that keeps samples of the last four hours
 * @param settle see `SuiteContext`
 */
export function describeProfileStore(
  name: string,
  open: SuiteContext["open"],
  settle: SuiteContext["settle"] = () => Promise.resolve(),
): void {
  describe(name, () => {
    const opened: ProfileStore[] = [];
    const context: SuiteContext = {
      open: async (options) => {
        const store = await open(options);
        opened.push(store);
        return store;
      },
      settle,
    };
    afterEach(async () => {
      for (const store of opened.splice(0)) await store.close();
    });
    intakeSuite(context);
    layoutSuite(context);
    questionSuite(context);
    identitySuite(context);
    aggregationSuite(context);
    limitSuite(context);
  });
}
