/** What the server is and has: asked once, and again while live. */
import { computed, type ReadonlySignal } from "@preact/signals";
import type { ProfileTypesAnswer, StatusAnswer } from "../../../src/query/api.ts";
import { getJson } from "../api/client.ts";
import { Loader } from "./loading.ts";
import { page } from "./page.ts";

export const status = new Loader<StatusAnswer>();
export const profileTypes = new Loader<ProfileTypesAnswer>();

export function loadStatus(): Promise<void> {
  return status.load("status", (signal) => getJson("status", {}, { signal }));
}

export function loadProfileTypes(): Promise<void> {
  const { from, to } = page.peek();
  return profileTypes.load(`${from} ${to}`, (signal) => getJson("profile_types", { from, to }, { signal }));
}

/** The type in the address as the server describes it; undefined until it has said so. */
export const profileType: ReadonlySignal<ProfileTypesAnswer["types"][number] | undefined> = computed(() =>
  profileTypes.value?.types.find(({ id }) => id === page.value.type),
);
