import { describeProfileStore } from "../testing/conformance-suite.ts";
import type { EmbeddedStore } from "./index.ts";
import { temporaryStores } from "./testing/temporary-store.ts";

describeProfileStore("store on disk, samples in merged blocks", temporaryStores(), async (store) => {
  await store.flush();
  await (store as EmbeddedStore).tidied();
});
