// Keys for what the pages offer anyway. No page needs this file.
"use strict";

(function () {
  const find = (selector) => document.querySelector(selector);
  let afterG = false;

  const typing = (element) =>
    element && (element.isContentEditable || /^(TEXTAREA|SELECT)$/.test(element.tagName) ||
      (element.tagName === "INPUT" && !/^(radio|checkbox|submit|button)$/.test(element.type)));

  function press(selector) {
    const target = find(selector);
    if (target) target.click();
    return Boolean(target);
  }

  function enter(selector) {
    const form = find(selector);
    const field = form && form.querySelector("input[type=radio], textarea, input:not([type=hidden])");
    if (field) {
      const fold = field.closest("details");
      if (fold) fold.open = true;
      field.focus();
      form.scrollIntoView({ block: "nearest" });
    }
    return Boolean(field);
  }

  const ACTIONS = {
    n: () => press("[data-next]"),
    v: () => press("[data-reveal]"),
    a: () => enter("[data-approve]"),
    r: () => enter("[data-reject]"),
    c: () => enter("[data-confirm]") || press("[data-confirm] button"),
    s: () => enter("[data-skip]"),
    e: () => enter("[data-escalate]"),
    u: () => enter("[data-undo]"),
    "/": () => enter("[data-search]"),
    "?": () => { const list = find("#keys"); if (list) list.showModal(); return Boolean(list); },
  };

  function choose(digit) {
    const form = document.activeElement && document.activeElement.closest("form[data-approve], form[data-reject]");
    const options = form ? form.querySelectorAll("input[type=radio][name=reason]") : [];
    const option = options[Number(digit) - 1];
    if (option) { option.checked = true; option.focus(); }
    return Boolean(option);
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.key === "Escape" && typing(document.activeElement)) { document.activeElement.blur(); return; }
    if (typing(document.activeElement) || find("dialog[open]")) return;
    let done;
    if (afterG) done = press(`[data-go="${CSS.escape(event.key)}"]`);
    else if (/^[1-9]$/.test(event.key)) done = choose(event.key);
    else if (Object.hasOwn(ACTIONS, event.key)) done = ACTIONS[event.key]();
    afterG = event.key === "g" && !afterG;
    if (done) event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("[data-keys]");
    if (link && ACTIONS["?"]()) event.preventDefault();
  });
})();
