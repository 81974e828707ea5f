/** Profiles from files: dropped anywhere in the page, chosen here, or given to `podflame view`. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { OpenedFile } from "../files/index.ts";
import { formatBytes, formatNumberOf, formatShare } from "../format/quantities.ts";
import { GraphWorkspace } from "../graph/graph-workspace.tsx";
import { navigate, page } from "../state/page.ts";
import { Button } from "../ui/button.tsx";
import { Icon } from "../ui/icon.tsx";
import { Answer, Empty } from "../ui/states.tsx";
import { closeFile, type ListedFile, listedFiles, openFiles, readListed } from "./open-files.ts";

export function Files(): JSX.Element {
  const files = listedFiles.value;
  const file = files[page.value.file] ?? files[0];
  return (
    <div class="page files-page">
      {file ? (
        <>
          <FileList files={files} shown={file} />
          <FileGraph key={file.name} file={file} />
        </>
      ) : (
        <>
          <h1>Files</h1>
          <div class="drop-zone">
            <Icon name="file" />
            <h2>Drop profiles here, or anywhere in this page</h2>
            <p class="lead">
              OTLP of any layout, pprof, folded stacks, speedscope, <code>perf script</code>, V8{" "}
              <code>.cpuprofile</code>; gzipped or not. They are read in this browser: nothing leaves the machine.
            </p>
            <ChooseFiles label="Choose files" />
          </div>
        </>
      )}
    </div>
  );
}

function FileList({
  files,
  shown,
}: {
  readonly files: readonly ListedFile[];
  readonly shown: ListedFile;
}): JSX.Element {
  return (
    <div class="title-row">
      <h1 class="silent">Files</h1>
      <ul class="open-files" aria-label="Open files">
        {files.map((file, at) => (
          <li key={file.name}>
            <button
              type="button"
              class="button plain"
              aria-pressed={file === shown}
              title={formatBytes(file.bytes)}
              onClick={() => navigate({ file: at, zoom: "" })}
            >
              <Icon name="file" />
              {file.name}
            </button>
            <Button label={`Close ${file.name}`} icon="close" bare kind="quiet" onClick={() => closeFile(file)} />
          </li>
        ))}
      </ul>
      <ChooseFiles label="Open more" />
    </div>
  );
}

function ChooseFiles({ label }: { readonly label: string }): JSX.Element {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <Button label={label} kind="primary" onClick={() => input.current?.click()} />
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label={label}
        onChange={(event) => {
          openFiles([...(event.currentTarget.files ?? [])]);
          event.currentTarget.value = "";
        }}
      />
    </>
  );
}

function FileGraph({ file }: { readonly file: ListedFile }): JSX.Element {
  const sampleType = useSignal<number | undefined>(undefined);
  useEffect(() => {
    if (!file.loader.value || sampleType.value !== undefined) void readListed(file, sampleType.value);
  }, [file, sampleType.value]);
  const state = file.loader.state.value;
  if (state.kind === "loading" && state.previous === undefined) return <Reading file={file} />;
  return (
    <Answer loader={file.loader} what={file.name}>
      {(opened) => <Opened opened={opened} onSampleType={(chosen) => (sampleType.value = chosen)} />}
    </Answer>
  );
}

const STAGES = { inflating: "Unpacking", reading: "Reading", merging: "Merging stacks", ordering: "Ordering" } as const;

function Reading({ file }: { readonly file: ListedFile }): JSX.Element {
  const progress = file.progress.value;
  const done = progress?.done ?? 0;
  const what = progress ? STAGES[progress.stage] : "Loading";
  return (
    <div class="state" role="status">
      <progress max={1} value={done} aria-label={what} />
      <p class="number">
        {what} {file.name}, {formatBytes(file.bytes)}: {formatShare(done)}
      </p>
      <Button label="Cancel" onClick={() => file.loader.cancel()} />
    </div>
  );
}

function Opened({
  opened,
  onSampleType,
}: {
  readonly opened: OpenedFile;
  readonly onSampleType: (index: number) => void;
}): JSX.Element {
  return (
    <>
      <div class="file-facts">
        {opened.sampleTypes.length > 1 && (
          <select
            aria-label="Sample type"
            value={opened.sampleType}
            onChange={(event) => onSampleType(Number(event.currentTarget.value))}
          >
            {opened.sampleTypes.map(({ type, unit }, index) => (
              <option key={index} value={index}>
                {unit === "" || unit === "count" ? type : `${type} (${unit})`}
              </option>
            ))}
          </select>
        )}
        <p class="muted">
          {opened.format}, {formatNumberOf(opened.stacks, "stack")}
          {opened.ignored > 0 && `; ${formatNumberOf(opened.ignored, "stack")} without a value left out`}
        </p>
      </div>
      {opened.tree.total[0]! > 0 ? (
        <GraphWorkspace engine={opened} title={opened.name} />
      ) : (
        <Empty title="This file holds no samples.">
          <p>Its profile is empty, or all its values are zero.</p>
        </Empty>
      )}
    </>
  );
}
