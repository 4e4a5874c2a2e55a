/**
 * The size trend: mean diameter per bin, its moving mean (EWMA) and the recipe's tolerance band, drawn by
 * uPlot, which is read only when a trend is first shown.
 */

import { el, fill, setText } from "./dom.js";
import { minute, number, t, utcOffsetS } from "./words.js";

let reading = null;

function plotLibrary() {
  if (!reading) {
    const base = new URL("../vendor/", import.meta.url);
    document.head.append(el("link", { rel: "stylesheet", href: `${base}uPlot.min.css` }));
    reading = new Promise((resolve, reject) => {
      const script = el("script", { src: `${base}uPlot.iife.min.js` });
      script.onload = () => resolve(window.uPlot);
      script.onerror = () => reject(new Error("uPlot could not be read"));
      document.head.append(script);
    });
  }
  return reading;
}

/**
 * A trend in a box of its own.
 * @returns {{node: HTMLElement, show: (trend: Object) => Promise<void>, close: () => void}}
 */
export function trendPlot() {
  const place = el("div.trend-plot", { role: "img", "aria-label": t("word.loading") });
  // Before the first answer nobody knows whether there is anything to show.
  const empty = el("p.trend-empty", { text: t("word.loading") });
  const node = el("div.trend", {}, place, empty);
  let plot = null;
  let newest = null;
  let closed = false;

  async function show(trend) {
    newest = trend;
    const some = trend.utc_s.length > 1 && trend.mean_mm.some((value) => value !== null);
    setText(empty, t("trend.empty"));
    empty.hidden = some;
    place.hidden = !some;
    if (!some) return;
    const Plot = await plotLibrary();
    if (closed || trend !== newest) return;
    const data = [trend.utc_s, trend.mean_mm, trend.ewma_mm];
    place.setAttribute("aria-label", spoken(trend));
    if (plot === null) {
      plot = new Plot(options(() => newest.band, place), data, fill(place));
    } else plot.setData(data);
  }

  const resized = new ResizeObserver(() => {
    const { clientWidth: width, clientHeight: height } = place;
    if (plot && width && (width !== plot.width || height !== plot.height)) plot.setSize({ width, height });
  });
  resized.observe(place);
  return {
    node,
    legend: legend(),
    show,
    /** Draw anew, in the colours of a theme that was just changed. */
    redraw() {
      if (!plot) return;
      plot.destroy();
      plot = null;
      show(newest);
    },
    close() {
      closed = true;
      resized.disconnect();
      if (plot) plot.destroy();
    },
  };
}

function spoken(trend) {
  const means = trend.mean_mm.filter((value) => value !== null);
  return t("trend.spoken", {
    mean: number(means[means.length - 1], 2), low: number(trend.band && trend.band.min_mm, 2), high: number(trend.band && trend.band.max_mm, 2),
  });
}

function legend() {
  const entry = (kind, key) => el("li", {}, el(`span.key.key-${kind}`), el("span", { text: t(key) }));
  return el("ul.trend-legend", {}, entry("mean", "trend.mean"), entry("ewma", "trend.ewma"), entry("band", "trend.band"));
}

/** Steps of the time axis, seconds: its clock shows no seconds, so that none is below a minute. */
const STEPS_S = [60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function options(band, place) {
  const [ink, faint, mean, ewma] = ["--ink-2", "--line", "--plot-mean", "--plot-ewma"].map(colour);
  const pixels = window.devicePixelRatio || 1;
  const font = `13px ${getComputedStyle(document.body).fontFamily}`;
  const axis = { stroke: ink, font, grid: { stroke: faint, width: 1 / pixels }, ticks: { show: false } };
  return {
    width: place.clientWidth,
    height: place.clientHeight,
    legend: { show: false },
    cursor: { show: false },
    select: { show: false },
    padding: [12, 12, 0, 0],
    scales: { x: { time: true }, y: { range: (_, low, high) => around(band(), low, high) } },
    // The plant's clock: uPlot is handed dates that read right as UTC.
    tzDate: (seconds) => new Date((seconds + utcOffsetS() + new Date().getTimezoneOffset() * 60) * 1000),
    axes: [
      { ...axis, size: 32, space: 70, incrs: STEPS_S, values: (_, ticks) => ticks.map((tick) => minute(tick * 1000)) },
      { ...axis, size: 62, space: 34, values: (_, ticks) => ticks.map((tick) => number(tick, 1)) },
    ],
    series: [
      {},
      { stroke: mean, width: 0, points: { show: true, size: 5, fill: mean, width: 0 }, paths: () => null },
      { stroke: ewma, width: 2.5, points: { show: false }, spanGaps: true },
    ],
    hooks: { drawClear: [(plot) => drawBand(plot, band())] },
  };
}

function around(band, low, high) {
  const values = [low, high, band && band.min_mm, band && band.max_mm].filter((value) => typeof value === "number");
  const bottom = Math.min(...values);
  const top = Math.max(...values);
  const room = Math.max(0.05, (top - bottom) * 0.08);
  return [bottom - room, top + room];
}

function drawBand(plot, band) {
  if (!band || typeof band.min_mm !== "number") return;
  const { ctx: context, bbox } = plot;
  const y = (value) => plot.valToPos(value, "y", true);
  const [top, bottom] = [y(band.max_mm), y(band.min_mm)];
  context.save();
  context.fillStyle = colour("--plot-band");
  context.fillRect(bbox.left, top, bbox.width, bottom - top);
  context.strokeStyle = colour("--plot-limit");
  context.lineWidth = 1.5 * (window.devicePixelRatio || 1);
  context.setLineDash([]);
  for (const at of [top, bottom]) stroke(context, bbox, at);
  context.setLineDash([6, 6]);
  if (typeof band.nominal_mm === "number") stroke(context, bbox, y(band.nominal_mm));
  context.restore();
}

function stroke(context, bbox, at) {
  context.beginPath();
  context.moveTo(bbox.left, at);
  context.lineTo(bbox.left + bbox.width, at);
  context.stroke();
}
