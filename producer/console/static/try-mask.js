// The canvas on which a mask is painted: brush, eraser and box; mouse, touch and pen.
"use strict";

const LONGEST = 1024; // of the canvas; the mask is scaled to the picture when it is sent
const MOST_UNDO = 12;

export class MaskEditor {
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed;
    this.tool = "brush";
    this.size = 44;
    this.picture = null;
    this.past = [];
    this.at = null;
    this.mask = document.createElement("canvas");
    this.tint = document.createElement("canvas");
    this.mask.getContext("2d", { willReadFrequently: true });
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => this.#up(event));
    canvas.addEventListener("pointerleave", () => { if (!this.from) { this.at = null; this.draw(); } });
  }

  show(picture) {
    const scale = Math.min(1, LONGEST / Math.max(picture.naturalWidth, picture.naturalHeight));
    this.picture = picture;
    for (const one of [this.canvas, this.mask, this.tint]) {
      one.width = Math.max(1, Math.round(picture.naturalWidth * scale));
      one.height = Math.max(1, Math.round(picture.naturalHeight * scale));
    }
    this.canvas.setAttribute("aria-label",
      `The picture, ${picture.naturalWidth} by ${picture.naturalHeight} pixels; what is marked is tinted`);
    this.past = [];
    this.#done();
  }

  addBox(left, top, width, height) {
    this.#keep();
    this.#fill(left * this.mask.width, top * this.mask.height, width * this.mask.width, height * this.mask.height);
    this.#done();
  }

  // White of another picture becomes the mask.
  take(picture) {
    this.#keep();
    const pen = this.mask.getContext("2d");
    pen.clearRect(0, 0, this.mask.width, this.mask.height);
    pen.drawImage(picture, 0, 0, this.mask.width, this.mask.height);
    const pixels = pen.getImageData(0, 0, this.mask.width, this.mask.height);
    for (let i = 0; i < pixels.data.length; i += 4) {
      const white = pixels.data[i] + pixels.data[i + 1] + pixels.data[i + 2] >= 384 && pixels.data[i + 3] > 127;
      pixels.data.fill(255, i, i + 3);
      pixels.data[i + 3] = white ? 255 : 0;
    }
    pen.putImageData(pixels, 0, 0);
    this.#done();
  }

  clear() {
    this.#keep();
    this.mask.getContext("2d").clearRect(0, 0, this.mask.width, this.mask.height);
    this.#done();
  }

  undo() {
    const before = this.past.pop();
    if (before) this.mask.getContext("2d").putImageData(before, 0, 0);
    this.#done();
  }

  get canUndo() { return this.past.length > 0; }

  // The marked share of the picture, 0 to 1.
  get share() {
    const pixels = this.mask.getContext("2d").getImageData(0, 0, this.mask.width, this.mask.height).data;
    let count = 0;
    for (let i = 3; i < pixels.length; i += 4) if (pixels[i] > 127) count += 1;
    return count / (this.mask.width * this.mask.height);
  }

  // White on black, in the size of the picture, as a PNG file.
  toFile() {
    const whole = document.createElement("canvas");
    whole.width = this.picture.naturalWidth;
    whole.height = this.picture.naturalHeight;
    const pen = whole.getContext("2d");
    pen.fillStyle = "black";
    pen.fillRect(0, 0, whole.width, whole.height);
    pen.drawImage(this.mask, 0, 0, whole.width, whole.height);
    return new Promise((resolve) => whole.toBlob(resolve, "image/png"));
  }

  draw() {
    if (!this.picture) return;
    const pen = this.canvas.getContext("2d");
    pen.globalAlpha = 1;
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    pen.drawImage(this.picture, 0, 0, this.canvas.width, this.canvas.height);
    const tint = this.tint.getContext("2d");
    tint.globalCompositeOperation = "copy";
    tint.drawImage(this.mask, 0, 0);
    tint.globalCompositeOperation = "source-in";
    tint.fillStyle = "#ff2d95";
    tint.fillRect(0, 0, this.tint.width, this.tint.height);
    pen.globalAlpha = 0.55;
    pen.drawImage(this.tint, 0, 0);
    pen.globalAlpha = 1;
    this.#cursor(pen);
  }

  #cursor(pen) {
    if (!this.at) return;
    const shape = new Path2D();
    if (this.tool === "box") {
      if (!this.from) return;
      shape.rect(this.from.x, this.from.y, this.at.x - this.from.x, this.at.y - this.from.y);
    } else {
      shape.arc(this.at.x, this.at.y, this.#width(this.at) / 2, 0, 2 * Math.PI);
    }
    // Dark on light, so that it shows on every picture.
    for (const [color, width] of [["rgba(0,0,0,.7)", 3], ["white", 1.5]]) {
      pen.strokeStyle = color;
      pen.lineWidth = width * this.canvas.width / (this.canvas.clientWidth || this.canvas.width);
      pen.stroke(shape);
    }
  }

  #point(event) {
    const frame = this.canvas.getBoundingClientRect();
    return {
      x: (event.clientX - frame.left) * this.canvas.width / frame.width,
      y: (event.clientY - frame.top) * this.canvas.height / frame.height,
      pressure: event.pointerType === "pen" ? event.pressure : 0.5,
    };
  }

  #width(point) { return this.size * this.canvas.width / 512 * (0.5 + point.pressure); }

  #down(event) {
    if (!this.picture || event.button !== 0 || this.from) return;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    this.#keep();
    this.from = this.at = this.#point(event);
    this.pointer = event.pointerId;
    if (this.tool !== "box") this.#stroke(this.from, this.from);
    this.draw();
  }

  #move(event) {
    if (this.from && event.pointerId !== this.pointer) return; // a second finger
    const several = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const one of several.length ? several : [event]) {
      const point = this.#point(one);
      if (this.from && this.tool !== "box") this.#stroke(this.at, point);
      this.at = point;
    }
    this.draw();
  }

  #up(event) {
    if (!this.from || event.pointerId !== this.pointer) return;
    if (this.tool === "box") {
      this.#fill(this.from.x, this.from.y, this.at.x - this.from.x, this.at.y - this.from.y);
    }
    this.from = null;
    if (event.pointerType !== "mouse") this.at = null;
    this.#done();
  }

  #stroke(from, to) {
    const pen = this.mask.getContext("2d");
    pen.globalCompositeOperation = this.tool === "eraser" ? "destination-out" : "source-over";
    pen.strokeStyle = "white";
    pen.lineCap = pen.lineJoin = "round";
    pen.lineWidth = this.#width(to);
    pen.beginPath();
    pen.moveTo(from.x, from.y);
    pen.lineTo(to.x + 0.01, to.y); // a point alone would not be drawn
    pen.stroke();
    pen.globalCompositeOperation = "source-over";
  }

  #fill(x, y, width, height) {
    const pen = this.mask.getContext("2d");
    pen.fillStyle = "white";
    pen.fillRect(x, y, width, height);
  }

  #keep() {
    this.past.push(this.mask.getContext("2d").getImageData(0, 0, this.mask.width, this.mask.height));
    if (this.past.length > MOST_UNDO) this.past.shift();
  }

  #done() {
    this.draw();
    this.changed();
  }
}
