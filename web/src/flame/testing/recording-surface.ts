import type { PaintSurface } from "../painter.ts";

export interface DrawnRectangle {
  readonly fill: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface DrawnText {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly fill: string;
}

/** In pixels. */
export const LETTER_WIDTH = 7;

/** Stands in for a canvas: letters have one width, and what is drawn is written down. Patterns are `pattern`. */
export class RecordingSurface implements PaintSurface {
  fillStyle: PaintSurface["fillStyle"] = "";
  strokeStyle: PaintSurface["strokeStyle"] = "";
  lineWidth = 1;
  font = "";
  textBaseline: CanvasTextBaseline = "alphabetic";
  readonly rectangles: DrawnRectangle[] = [];
  readonly outlines: DrawnRectangle[] = [];
  readonly texts: DrawnText[] = [];

  fillRect(x: number, y: number, width: number, height: number): void {
    this.rectangles.push({ fill: named(this.fillStyle), x, y, width, height });
  }

  strokeRect(x: number, y: number, width: number, height: number): void {
    this.outlines.push({ fill: named(this.strokeStyle), x, y, width, height });
  }

  fillText(text: string, x: number, y: number): void {
    this.texts.push({ text, x, y, fill: named(this.fillStyle) });
  }

  measureText(text: string): TextMetrics {
    return { width: text.length * LETTER_WIDTH } as TextMetrics;
  }
}

function named(style: PaintSurface["fillStyle"]): string {
  return typeof style === "string" ? style : "pattern";
}
