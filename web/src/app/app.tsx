/** The frame around all views: header, banner, the view that the address names, help, and files dropped anywhere. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { Diff } from "../diff/diff.tsx";
import { besideBefore } from "../diff/windows.ts";
import { Explore } from "../explore/explore.tsx";
import { Files } from "../files-page/files-page.tsx";
import { openFiles, openServedFiles } from "../files-page/open-files.ts";
import { Heatmap } from "../heatmap/heatmap.tsx";
import { Help } from "../help/help.tsx";
import { type KeyGroup, onGlobalKey, useKeys } from "../state/keys.ts";
import { navigate, page, startTicking, tick, togglePaused } from "../state/page.ts";
import type { View } from "../state/page-state.ts";
import { loadProfileTypes, loadStatus, status } from "../state/server.ts";
import { liveInterval } from "../state/shown-times.ts";
import { Unattributed } from "../unattributed/unattributed.tsx";
import { Announcement } from "../ui/announcement.tsx";
import { Banner } from "./banner.tsx";
import { Header } from "./header.tsx";

export function App(): JSX.Element {
  const help = useSignal(false);
  const { view, from, to } = page.value;
  const keys = useMemo(() => pageKeys(() => (help.value = !help.value)), []);
  useKeys(keys);
  useEffect(() => {
    const stop = startTicking(liveInterval);
    addEventListener("keydown", onGlobalKey);
    return () => {
      removeEventListener("keydown", onGlobalKey);
      stop();
    };
  }, []);
  const tickNow = tick.value;
  useEffect(() => {
    void loadStatus();
    void loadProfileTypes();
  }, [from, to, tickNow]);
  const files = status.value?.files;
  useEffect(() => {
    if (files && files.length > 0) openServedFiles(files);
  }, [files?.length]);
  return (
    <>
      <Header onHelp={() => (help.value = true)} />
      <Banner />
      <main>{pageOf(view)}</main>
      {help.value && <Help onClose={() => (help.value = false)} />}
      <Announcement />
      <DropVeil />
    </>
  );
}

function pageOf(view: View): JSX.Element {
  switch (view) {
    case "explore":
      return <Explore />;
    case "heatmap":
      return <Heatmap />;
    case "diff":
      return <Diff />;
    case "unattributed":
      return <Unattributed />;
    case "files":
      return <Files />;
  }
}

function pageKeys(onHelp: () => void): KeyGroup {
  return {
    title: "Everywhere",
    keys: [
      { key: "?", does: "Show or hide this", run: onHelp },
      { key: "p", does: "Live or paused", run: togglePaused },
      { key: "e", does: "Explore", run: () => navigate({ view: "explore" }) },
      { key: "d", does: "Compare what is selected with what was before", run: compare },
    ],
  };
}

/** To the comparison of the selection with the same stretch of time before it, and back. */
function compare(): void {
  const { view, query, from, to } = page.peek();
  if (view === "diff") navigate({ view: "explore" });
  else navigate({ view: "diff", zoom: "", ...besideBefore({ query, from, to }, status.value?.oldest, Date.now()) });
}

/** Files may be dropped wherever one is. */
function DropVeil(): JSX.Element | null {
  const over = useSignal(false);
  useEffect(() => {
    const carriesFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") === true;
    const onOver = (event: DragEvent): void => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      over.value = true;
    };
    const onLeave = (event: DragEvent): void => {
      if (event.relatedTarget === null) over.value = false;
    };
    const onDrop = (event: DragEvent): void => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      over.value = false;
      openFiles([...(event.dataTransfer?.files ?? [])]);
      navigate({ view: "files", zoom: "" });
    };
    addEventListener("dragover", onOver);
    addEventListener("dragleave", onLeave);
    addEventListener("drop", onDrop);
    return () => {
      removeEventListener("dragover", onOver);
      removeEventListener("dragleave", onLeave);
      removeEventListener("drop", onDrop);
    };
  }, []);
  return over.value ? <div class="drop-veil">Drop to open. Nothing leaves this machine.</div> : null;
}
