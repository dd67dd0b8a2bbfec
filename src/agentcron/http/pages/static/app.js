// What the pages need of a script: countdowns, staying true while things happen, and comfort in forms.
// Everything works without it, by reloading.
"use strict";
(() => {
  const root = document.documentElement;
  const skew = Date.parse(root.dataset.now) - Date.now();
  const now = () => Date.now() + skew;

  // --- the viewer's zone: the server renders in it from the next page on
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  document.cookie = `agentcron_zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=strict`;

  // --- countdowns
  const STEPS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const parts = (seconds) => {
    for (const [place, [unit, size]] of STEPS.entries()) {
      if (seconds < size) continue;
      const whole = Math.floor(seconds / size), next = STEPS[place + 1];
      const rest = next && whole < 10 ? Math.floor((seconds % size) / next[1]) : 0;
      return `${whole} ${unit}${rest ? ` ${rest} ${next[0]}` : ""}`;
    }
    return "0 s";
  };
  const count = () => {
    for (const time of document.querySelectorAll("time[data-countdown]")) {
      const left = (Date.parse(time.dateTime) - now()) / 1000;
      const told = Math.abs(left) < 1 ? "now" : left > 0 ? `in ${parts(Math.floor(left))}` : `${parts(Math.floor(-left))} ago`;
      if (time.textContent !== told) time.textContent = told;
    }
    for (const time of document.querySelectorAll("time[data-elapsed]")) {
      const told = parts(Math.max(0, Math.floor((now() - Date.parse(time.dateTime)) / 1000)));
      if (time.textContent !== told) time.textContent = told;
    }
  };
  setInterval(count, 1000);

  // --- live: what happened is only a hint; the page is read again, and the regions that differ are replaced
  const shown = new Map();
  const remember = (page) => {
    for (const region of page.querySelectorAll("[data-live][id]")) shown.set(region.id, region.outerHTML);
  };
  // What a reader has chosen, opened, or begun to write is theirs: it goes over into what replaces it.
  const mark = (one) => [one.tagName, one.id, one.form?.getAttribute("action"), one.name || one.getAttribute("href"),
    one.matches("input[type=checkbox], button") ? one.value : "", one.matches("summary, button") ? one.textContent : ""].join("\n");
  const twin = (one, fresh) => [...fresh.querySelectorAll(one.tagName)].find((other) => mark(other) === mark(one));
  const keep = (old, fresh) => {
    for (const box of old.querySelectorAll("input[type=checkbox]:checked")) { const same = twin(box, fresh); if (same) same.checked = true; }
    for (const text of old.querySelectorAll("input:not([type=checkbox], [type=hidden]), textarea")) {
      const same = text.value !== text.defaultValue && twin(text, fresh);
      if (same) same.value = text.value;
    }
    for (const open of old.querySelectorAll("details[id]")) { const same = twin(open, fresh); if (same) same.open = open.open; }
  };
  const focusOf = (region) => {
    const held = document.activeElement;
    if (!held || !region.contains(held)) return null;
    const caret = held.matches("input[type=text], input:not([type]), textarea") ? [held.selectionStart, held.selectionEnd] : null;
    return (fresh) => {
      const same = twin(held, fresh);
      same?.focus({ preventScroll: true });
      if (same && caret) same.setSelectionRange(...caret);
    };
  };
  let reading = false, again = false, took = 0;
  const read = async () => {
    if (document.hidden || !document.querySelector("[data-live]")) return;
    if (reading) { again = true; return; }
    reading = true;
    const begun = performance.now();
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
      if (answer.redirected && new URL(answer.url).pathname === "/login") { location.reload(); return; }
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const fresh of page.querySelectorAll("[data-live][id]")) {
        const old = document.getElementById(fresh.id), text = fresh.outerHTML;
        if (!old || shown.get(fresh.id) === text) continue;
        shown.set(fresh.id, text);
        const refocus = focusOf(old);
        keep(old, fresh);
        old.replaceWith(document.adoptNode(fresh));
        if (window.htmx) htmx.process(fresh);
        if (refocus) refocus(fresh);
      }
      count();
      choose();
    } catch { /* the stream tells when the server is back */ } finally {
      reading = false;
      took = performance.now() - begun;
      if (again) { again = false; soon(); }
    }
  };
  let timer = 0, last = 0;
  const soon = () => {
    if (timer) return;
    // A page that is slow to make is asked for less often, so that a busy server is not kept busy by those who watch;
    // one that took long once, since the machine slept meanwhile, must not be left as it is for minutes.
    const wait = Math.max(120, last + Math.min(4000, Math.max(800, 5 * took)) - performance.now());
    timer = setTimeout(() => { timer = 0; last = performance.now(); read(); }, wait);
  };
  let stream = null, trouble = 0;
  const stale = (yes) => { const told = document.getElementById("stale"); if (told) told.hidden = !yes; };
  const listen = () => {
    if (stream || document.hidden || !document.body.dataset.liveFrom) return;
    stream = new EventSource(document.body.dataset.liveFrom);
    const news = () => { clearTimeout(trouble); trouble = 0; stale(false); soon(); };
    for (const kind of ["hello", "reset", "news"]) stream.addEventListener(kind, news);
    stream.onerror = () => {
      // The browser tries again by itself only where it was the connection that failed, not where it was refused.
      if (!trouble) trouble = setTimeout(() => stale(true), 3000);
      if (stream && stream.readyState === EventSource.CLOSED) { stream = null; setTimeout(listen, 2000); read(); }
    };
  };
  const deafen = () => { if (stream) { stream.close(); stream = null; } };
  // A hidden page lets go of its stream: a browser has only six connections to a server, for all of its tabs.
  document.addEventListener("visibilitychange", () => { if (document.hidden) deafen(); else { listen(); soon(); } });
  addEventListener("pagehide", deafen);
  addEventListener("pageshow", (event) => { if (event.persisted) { listen(); soon(); } });
  addEventListener("online", soon);
  // Times move on without events: what was due, what is today.
  setInterval(() => { if (!document.hidden) soon(); }, 30000);

  // --- choosing several
  const choose = () => {
    const told = document.querySelector("[data-chosen]");
    if (!told) return;
    const n = document.querySelectorAll("input[name=job]:checked").length;
    told.textContent = n ? `${n} chosen` : "";
  };
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-all]"))
      for (const box of document.querySelectorAll("input[name=job]")) box.checked = event.target.checked;
    if (event.target.matches("[data-filters] select")) event.target.form.requestSubmit();
    choose();
  });

  // --- asking before what cannot be taken back; presets of the form; leading on after a login
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-ask]");
    if (button && !confirm(button.dataset.ask)) event.preventDefault();
    const preset = event.target.closest("[data-preset]");
    if (preset) {
      const field = document.getElementById(preset.dataset.into);
      field.value = preset.dataset.preset;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      field.focus();
    }
    const copy = event.target.closest("[data-copy]");
    if (copy && navigator.clipboard) navigator.clipboard.writeText(new URL(copy.dataset.copy, location.href).href).then(() => { copy.textContent = "Copied"; });
  });

  document.addEventListener("DOMContentLoaded", () => {
    const lead = document.querySelector("[data-follow]");
    if (lead) location.replace(lead.href);
    // The first page of all was made before the server knew where its reader is.
    for (const field of document.querySelectorAll("[data-viewer-zone]")) {
      if (field.value === zone || root.dataset.zone === zone) continue;
      field.value = zone;
      field.dispatchEvent(new Event("change", { bubbles: true }));
    }
    remember(document);
    if (document.body.dataset.liveFrom && root.dataset.zone !== zone) soon();
    count();
    listen();
  });
})();
