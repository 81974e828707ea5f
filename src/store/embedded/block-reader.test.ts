import { describeProfileStore } from "../testing/conformance-suite.ts";
import { temporaryStores } from "./testing/temporary-store.ts";

describeProfileStore("store on disk, samples in blocks", temporaryStores(), (store) => store.flush());
