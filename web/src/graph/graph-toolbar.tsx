/** What can be done to a graph: how it's seen, turned, coloured, searched. */
import type { JSX } from "preact";
import { formatNumberOf, formatShare } from "../format/quantities.ts";
import { navigate, page } from "../state/page.ts";
import { Button, Segmented } from "../ui/button.tsx";
import { Icon } from "../ui/icon.tsx";
import { Menu } from "../ui/menu.tsx";
import type { GraphSession } from "./graph-session.ts";

export const SEARCH_FIELD = "graph-search";

export function GraphToolbar({
  session,
  onStep,
}: {
  readonly session: GraphSession;
  /** To the next match or the one before. */
  readonly onStep: (direction: 1 | -1) => void;
}): JSX.Element {
  const { show, inverted, hidden, focus } = page.value;
  return (
    <div class="toolbar" role="toolbar" aria-label="Graph">
      <Segmented
        label="Show"
        value={show}
        options={[
          { value: "graph", label: "Graph" },
          { value: "both", label: "Both" },
          { value: "table", label: "Table" },
          { value: "sandwich", label: "Sandwich" },
        ]}
        onChange={(next) => navigate({ show: next })}
      />
      <Button
        label="Inverted"
        icon="flip"
        pressed={inverted}
        shortcut="i"
        onClick={() => navigate({ inverted: !inverted, zoom: "" })}
      />
      <ViewOptions />
      <SearchField session={session} onStep={onStep} />
      {(hidden.length > 0 || focus !== "") && <Taken />}
    </div>
  );
}

function ViewOptions(): JSX.Element {
  const { upward, collapsed, colouring } = page.value;
  return (
    <Menu label="View">
      {() => (
        <div class="stack">
          <div class="option">
            <span>Root</span>
            <Segmented
              label="Root"
              value={upward ? "bottom" : "top"}
              options={[
                { value: "top", label: "On top" },
                { value: "bottom", label: "At the bottom" },
              ]}
              onChange={(root) => navigate({ upward: root === "bottom" })}
            />
          </div>
          <div class="option">
            <span>Colour by</span>
            <Segmented
              label="Colour by"
              value={colouring}
              options={[
                { value: "kind", label: "Kind of code" },
                { value: "package", label: "Package" },
              ]}
              onChange={(next) => navigate({ colouring: next })}
            />
          </div>
          <label class="check">
            <input
              type="checkbox"
              checked={collapsed}
              onChange={(event) => navigate({ collapsed: event.currentTarget.checked, zoom: "" })}
            />
            Collapse recursion
          </label>
        </div>
      )}
    </Menu>
  );
}

function SearchField({
  session,
  onStep,
}: {
  readonly session: GraphSession;
  readonly onStep: (direction: 1 | -1) => void;
}): JSX.Element {
  const { search, regex } = page.value;
  return (
    <div class="search" role="search">
      <label class="field">
        <Icon name="search" />
        <input
          id={SEARCH_FIELD}
          type="search"
          aria-label="Search functions"
          aria-describedby="search-result"
          aria-keyshortcuts="/"
          placeholder="Search functions ( / )"
          spellcheck={false}
          value={search}
          onInput={(event) => navigate({ search: event.currentTarget.value }, "replace")}
          onKeyDown={(event) => {
            if (event.key === "Enter") onStep(event.shiftKey ? -1 : 1);
            else if (event.key === "Escape") {
              navigate({ search: "" }, "replace");
              event.currentTarget.blur();
            }
          }}
        />
        <span id="search-result" class="number" role="status">
          <SearchResult session={session} />
        </span>
      </label>
      <Button label="Regular expression" pressed={regex} onClick={() => navigate({ regex: !regex })} glyph=".*" />
    </div>
  );
}

function SearchResult({ session }: { readonly session: GraphSession }): JSX.Element | null {
  const { search } = page.value;
  const problem = session.searchProblem.value;
  const matches = session.matches.value;
  if (search === "") return null;
  if (problem !== "") return <span class="problem">{problem}</span>;
  if (!matches) return null;
  if (matches.nodeCount === 0) return <>no match</>;
  return (
    <>
      <strong>{formatShare(matches.share)}</strong>
      <span class="silent"> in {formatNumberOf(matches.frameCount, "function")}</span>
    </>
  );
}

/** What was taken out or focused on, each with a way to undo it. */
function Taken(): JSX.Element {
  const { hidden, focus } = page.value;
  return (
    <ul class="chips" aria-label="Hidden and focused functions">
      {focus !== "" && (
        <li>
          <span>Only {focus}</span>
          <Button
            label={`Show all, not only ${focus}`}
            icon="close"
            bare
            kind="quiet"
            onClick={() => navigate({ focus: "", zoom: "" })}
          />
        </li>
      )}
      {hidden.map((name) => (
        <li key={name}>
          <span>Without {name}</span>
          <Button
            label={`Show ${name} again`}
            icon="close"
            bare
            kind="quiet"
            onClick={() => navigate({ hidden: hidden.filter((other) => other !== name), zoom: "" })}
          />
        </li>
      ))}
    </ul>
  );
}
