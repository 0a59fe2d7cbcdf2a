// The try page with scripts: painting the mask, sending without a reload, live progress, before and after.
"use strict";

import { MaskEditor } from "./try-mask.js";

const NEWS = ["queued", "started", "held", "succeeded", "failed", "blocked", "canceled", "expired", "withdrawn",
  "cancel_requested", "overturned", "reinstated"];
const find = (selector) => document.querySelector(selector);
const HEADERS = { "HX-Request": "true" };
document.documentElement.classList.add("js");

let source = null;
let latest = null; // the newest progress of the job that is watched
let asked = 0, answered = 0;

// ---- A job, as a part of the page that the server makes

function put(html) {
  const old = find("#job");
  const made = new DOMParser().parseFromString(html, "text/html").querySelector("#job");
  if (!made) return null;
  const shown = document.importNode(made, true);
  if (old) old.replaceWith(shown);
  else find("#outcome").append(shown);
  arm(shown);
  return shown;
}

async function ask(address, options = {}) {
  asked += 1;
  const turn = asked;
  try {
    const answer = await fetch(address, { ...options, headers: HEADERS, cache: "no-store" });
    const elsewhere = answer.headers.get("HX-Redirect");
    if (elsewhere) { location.assign(elsewhere); return null; }
    const html = await answer.text();
    if (turn < answered) return null; // a later question was answered first
    answered = turn;
    return put(html);
  } catch {
    say("The service does not answer. Try again in a few seconds.");
    return null;
  }
}

function arm(job) {
  for (const figure of job.querySelectorAll("[data-compare]")) compare(figure);
  if (source && source.address !== job.dataset.events) { source.close(); source = latest = null; }
  if (job.dataset.events && !source) watch(job.dataset.events, job.dataset.part);
  if (latest) progress(latest); // what the server knows of progress is as old as the last beat
}

function watch(address, part) {
  const own = new EventSource(address);
  own.address = address;
  source = own;
  own.addEventListener("progress", (event) => progress(JSON.parse(event.data)));
  for (const name of NEWS) own.addEventListener(`job.${name}`, () => ask(part));
  own.addEventListener("error", () => {
    if (own.readyState !== EventSource.CLOSED) return; // it connects again by itself
    if (source === own) source = null;
  });
}

function progress(news) {
  latest = news;
  const bar = find("#progress");
  if (!bar) return;
  bar.max = news.steps;
  bar.value = news.step;
  const last = news.step >= news.steps;
  find("#job-title").textContent = last ? "Checking" : "Painting";
  find("#standing").textContent = last
    ? "It is painted. Now it is checked, marked and signed." : `Step ${news.step} of ${news.steps}.`;
  if (news.preview) {
    const shown = find("#preview");
    shown.src = news.preview;
    shown.hidden = false;
  }
}

function compare(figure) {
  const range = figure.querySelector("input[type=range]");
  const cut = () => figure.style.setProperty("--cut", `${range.value}%`);
  range.addEventListener("input", cut);
  cut();
}

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-send]");
  if (!form) return;
  event.preventDefault();
  ask(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
});

const shown = find("#job");
if (shown) arm(shown);

// ---- The picture and its mask

const form = find("#try");
function say(text) { const place = find("#sending"); if (place) place.textContent = text; }

function opened(address) {
  return new Promise((resolve, reject) => {
    const picture = new Image();
    picture.onload = () => resolve(picture);
    picture.onerror = reject;
    picture.src = address;
  });
}

function begin() {
  const editor = new MaskEditor(find("#stage"), marked);
  const image = find("#image"), mask = find("#mask");

  function marked() {
    const share = editor.share;
    find("#undo").disabled = !editor.canUndo;
    find("#clear").disabled = share === 0;
    find("#marked").textContent = share === 0
      ? "Paint over what is to change." : `${Math.max(1, Math.round(share * 100))}% of the picture is marked.`;
  }

  async function load(address) {
    try {
      editor.show(await opened(address));
    } catch {
      find("#marked").textContent = "This file is no picture that the browser can show. Take a PNG, JPEG or WebP.";
    } finally {
      if (address.startsWith("blob:")) URL.revokeObjectURL(address);
    }
  }

  const sample = () => { image.value = ""; return load("/try/sample.png"); };
  const chosen = () => (image.files.length ? load(URL.createObjectURL(image.files[0])) : sample());
  image.addEventListener("change", chosen);
  find("#sample").addEventListener("click", sample);
  mask.addEventListener("change", async () => {
    if (!mask.files.length) return;
    const address = URL.createObjectURL(mask.files[0]);
    try { editor.take(await opened(address)); } finally { URL.revokeObjectURL(address); mask.value = ""; }
  });

  for (const tool of document.querySelectorAll("input[name=tool]")) {
    tool.addEventListener("change", () => { editor.tool = tool.value; });
  }
  find("#size").addEventListener("input", (event) => { editor.size = Number(event.target.value); });
  find("#undo").addEventListener("click", () => editor.undo());
  find("#clear").addEventListener("click", () => editor.clear());
  find("#add-box").addEventListener("click", () => {
    editor.addBox(...["left", "top", "width", "height"].map((name) => Number(find(`#box_${name}`).value) / 100));
  });
  drops(image, chosen);

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button.main");
    button.disabled = true;
    say("Sending …");
    const body = new FormData(form);
    body.set("mask", await editor.toFile(), "mask.png");
    const job = await ask(form.action, { method: "POST", body });
    if (job) {
      say("");
      job.scrollIntoView({ block: "nearest" });
      job.focus({ preventScroll: true });
    }
    button.disabled = false;
  });
  chosen();
}

function drops(input, taken) {
  const stage = find(".stage");
  for (const over of ["dragenter", "dragover"]) {
    document.addEventListener(over, (event) => {
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      stage.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) stage.classList.remove("over"); });
  document.addEventListener("drop", (event) => {
    stage.classList.remove("over");
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    input.files = event.dataTransfer.files;
    taken();
  });
}

if (form) begin();
