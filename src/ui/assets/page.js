// Keeps the page up to date: requests the parts that have changed from the exporter, replaces
// them, and updates ages in between. The exporter renders everything that it shows.
"use strict";

(() => {
  const page = document.body;
  const said = page.dataset;
  const lost = document.getElementById("lost");
  const main = document.getElementById("main");
  const table = document.getElementById("channels");
  const filter = document.getElementById("filter");
  const units = said.units.split(" ");

  const FOCUSABLE = "a, button, [tabindex]";
  const UPDATE_INTERVAL_MS = 2000;
  const MAX_RETRY_DELAY_MS = 15000;
  const REQUEST_TIMEOUT_MS = 10000;
  // In the background only the title is visible.
  const BACKGROUND_INTERVAL_MS = 15000;
  // Older data is shown as stale, whatever became of the request.
  const STALE_AFTER_MS = 8000;
  // Charts move on even if nothing else changes in a channel.
  const FULL_UPDATE_INTERVAL_MS = 60000;

  let cursor = said.cursor;
  let clock = Number(said.now) - Date.now();
  let heard = Number(said.now);
  let heardAll = Date.now();
  let failures = 0;
  let timer = 0;
  let asking = null;

  // === times ===

  function age(seconds) {
    const [s, min, h, d] = units;
    if (seconds < 120) return `${seconds} ${s}`;
    if (seconds < 7200) return `${Math.floor(seconds / 60)} ${min}`;
    if (seconds < 172800) return `${Math.floor(seconds / 3600)} ${h}`;
    return `${Math.floor(seconds / 86400)} ${d}`;
  }

  function local(seconds) {
    const time = new Date(seconds * 1000);
    const today = new Date().toDateString() === time.toDateString();
    const locale = document.documentElement.lang;
    return today ? time.toLocaleTimeString(locale) : time.toLocaleString(locale);
  }

  function say(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  // Of thousands of rows only the visible ones are updated.
  const inSight = new Set();
  const sight = new IntersectionObserver(entries => {
    for (const entry of entries) {
      if (entry.isIntersecting) {
        inSight.add(entry.target);
        tick([entry.target]);
      } else {
        inSight.delete(entry.target);
      }
    }
  }, { rootMargin: "200px" });

  function watch(row) {
    sight.observe(row);
  }

  function unwatch(row) {
    sight.unobserve(row);
    inSight.delete(row);
  }

  function tick(places) {
    const now = Math.floor((Date.now() + clock) / 1000);
    for (const place of places) {
      for (const time of place.querySelectorAll("time[data-t]")) {
        const then = Number(time.dataset.t);
        const text = age(Math.max(0, now - then));
        say(time, time.classList.contains("ago") ? said.ago.replace("{}", text) : text);
        if (!time.title) time.title = local(then);
      }
      for (const time of place.querySelectorAll("time[data-d]")) {
        say(time, local(Number(time.dataset.d)));
      }
    }
  }

  function tickAll() {
    page.classList.toggle("stale", failures > 0 || Date.now() + clock - heard > STALE_AFTER_MS);
    const footer = document.getElementById("exporter");
    tick(table ? [...inSight, footer] : [main, footer]);
  }

  // === updates ===

  function fragment(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content;
  }

  // Keeps the focus on the element at the same position among the focusable ones.
  function keepingFocus(container, change) {
    const active = document.activeElement;
    const place = container.contains(active)
      ? [...container.querySelectorAll(FOCUSABLE)].indexOf(active)
      : -1;
    change();
    if (place >= 0) {
      const same = container.querySelectorAll(FOCUSABLE)[place];
      if (same) same.focus({ preventScroll: true });
    }
  }

  // Keeps the points of charts that are selected.
  function keepingPoints(container, change) {
    const at = [...container.querySelectorAll(".chart")].map(chart => chart.dataset.at);
    change();
    container.querySelectorAll(".chart").forEach((chart, place) => {
      if (at[place]) point(chart, Number(at[place]));
    });
  }

  const shownParts = new Map();
  const shownRows = new Map();

  function setPart(id, html) {
    const element = document.getElementById(id);
    if (!element || shownParts.get(id) === html) return;
    shownParts.set(id, html);
    keepingPoints(element, () => {
      keepingFocus(element, () => element.replaceChildren(fragment(html)));
    });
  }

  // Sets rows in the exporter's order; false if one is missing, which requires a full update.
  function setRows(order, rows) {
    const active = document.activeElement;
    const focused = active.closest("#channels > tbody");
    const place = focused ? [...focused.querySelectorAll(FOCUSABLE)].indexOf(active) : -1;
    const wanted = new Set(order);
    const known = new Map();
    for (const row of [...table.tBodies]) {
      if (wanted.has(row.id)) {
        known.set(row.id, row);
      } else {
        unwatch(row);
        shownRows.delete(row.id);
        row.remove();
      }
    }
    let complete = true;
    let next = table.tHead.nextElementSibling;
    for (const id of order) {
      let row = known.get(id);
      const html = rows[id];
      if (html !== undefined && (!row || shownRows.get(id) !== html)) {
        if (row) {
          if (row === next) next = row.nextElementSibling;
          unwatch(row);
          row.remove();
        }
        row = fragment(`<table>${html}</table>`).querySelector("tbody");
        shownRows.set(id, html);
        known.set(id, row);
        watch(row);
      }
      if (!row) {
        complete = false;
        continue;
      }
      if (next && row === next.nextElementSibling) {
        // The row before has moved further down and follows there.
        const gone = next;
        next = row;
        gone.remove();
      }
      if (row === next) next = row.nextElementSibling;
      else table.insertBefore(row, next);
    }
    // An element that is moved or replaced loses the focus.
    if (place >= 0 && !table.contains(document.activeElement)) {
      const same = known.get(focused.id)?.querySelectorAll(FOCUSABLE)[place];
      if (same) same.focus({ preventScroll: true });
    }
    return complete;
  }

  function show(update, brief) {
    if (update.build !== said.build) {
      // Only once: there may be two versions behind one address.
      if (sessionStorage.getItem("build") !== update.build) {
        sessionStorage.setItem("build", update.build);
        location.reload();
      }
      return;
    }
    clock = update.now - Date.now();
    document.title = update.title;
    for (const [id, html] of Object.entries(update.parts)) setPart(id, html);
    if (brief) return;
    heard = update.now;
    if (!cursor) heardAll = Date.now();
    cursor = update.cursor;
    if (update.order && !setRows(update.order, update.rows || {})) cursor = "";
    tickAll();
  }

  function connected() {
    if (failures > 0) {
      say(lost, said.regained);
      setTimeout(() => { if (failures === 0) lost.hidden = true; }, 3000);
    }
    failures = 0;
    lost.classList.remove("bad");
  }

  function disconnected(status) {
    failures += 1;
    lost.classList.add("bad");
    lost.hidden = false;
    say(lost, status
      ? said.refused.replace("{}", status)
      : said.lost.replace("{}", local(Math.floor(heard / 1000))));
    tickAll();
  }

  async function ask() {
    clearTimeout(timer);
    if (asking) asking.abort();
    const mine = new AbortController();
    asking = mine;
    const deadline = setTimeout(() => mine.abort("slow"), REQUEST_TIMEOUT_MS);
    const parameters = new URLSearchParams(location.search);
    parameters.set("lang", said.lang);
    const brief = document.hidden;
    if (brief) parameters.set("brief", "true");
    if (Date.now() - heardAll > FULL_UPDATE_INTERVAL_MS) cursor = "";
    if (cursor) parameters.set("since", cursor);
    let status = 0;
    try {
      const response = await fetch(`${said.feed}?${parameters}`, {
        signal: mine.signal,
        cache: "no-store",
        headers: { Accept: "application/json" },
      });
      if (!response.ok) {
        // A busy exporter does not reject the page.
        status = response.status < 500 ? response.status : 0;
        throw new Error(`HTTP ${response.status}`);
      }
      const update = await response.json();
      if (asking !== mine) return;
      connected();
      show(update, brief);
    } catch (why) {
      // A request that a newer one replaced is no sign of a lost connection.
      if (asking !== mine) return;
      disconnected(status);
    } finally {
      clearTimeout(deadline);
      if (asking === mine) {
        asking = null;
        askLater();
      }
    }
  }

  function askLater() {
    clearTimeout(timer);
    const usual = document.hidden ? BACKGROUND_INTERVAL_MS : UPDATE_INTERVAL_MS;
    const wait = failures > 0 ? Math.min(usual * failures, MAX_RETRY_DELAY_MS) : usual;
    timer = setTimeout(ask, wait);
  }

  // === filters ===

  function applyFilter() {
    const parameters = new URLSearchParams();
    for (const [name, value] of new FormData(filter)) {
      if (value) parameters.set(name, value);
    }
    const query = parameters.toString();
    history.replaceState(null, "", query ? `?${query}` : location.pathname);
    // Rows that were not requested until now are not known yet.
    cursor = "";
    ask();
  }

  function followForm() {
    let typing = 0;
    const soon = event => {
      clearTimeout(typing);
      // Pinyin that is being composed is not a search yet.
      if (!event.isComposing) typing = setTimeout(applyFilter, 200);
    };
    filter.elements.q.addEventListener("input", soon);
    filter.elements.q.addEventListener("compositionend", soon);
    filter.addEventListener("change", event => {
      if (event.target !== filter.elements.q) applyFilter();
    });
    filter.addEventListener("submit", event => {
      event.preventDefault();
      applyFilter();
    });
    document.addEventListener("keydown", event => {
      const writing = event.target.closest("input, select, textarea");
      if (event.key === "/" && !writing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        filter.elements.q.focus();
      }
    });
  }

  // === charts ===

  function pointsOf(chart) {
    return chart.dataset.points.split("|").filter(Boolean).map(point => {
      const space = point.indexOf(" ");
      return [Number(point.slice(0, space)), point.slice(space + 1)];
    });
  }

  function point(chart, time) {
    const { end, span } = chart.dataset;
    const points = pointsOf(chart);
    if (!points.length) return;
    let nearest = points[0];
    for (const candidate of points) {
      if (Math.abs(candidate[0] - time) < Math.abs(nearest[0] - time)) nearest = candidate;
    }
    const share = 1 - (Number(end) - nearest[0]) / Number(span);
    const x = (share * 180).toFixed(1);
    chart.querySelector(".cursor").setAttribute("d", `M${x} 0v100`);
    say(chart.querySelector("output"), `${local(nearest[0])}: ${nearest[1]}`);
    chart.dataset.at = nearest[0];
  }

  function leave(chart) {
    chart.querySelector(".cursor").setAttribute("d", "");
    say(chart.querySelector("output"), "");
    delete chart.dataset.at;
  }

  function followPointer() {
    main.addEventListener("pointermove", event => {
      const plot = event.target.closest(".plot svg");
      if (!plot) return;
      const chart = plot.closest(".chart");
      const { left, width } = plot.getBoundingClientRect();
      const share = (event.clientX - left) / width;
      point(chart, Number(chart.dataset.end) - (1 - share) * Number(chart.dataset.span));
    });
    main.addEventListener("pointerout", event => {
      const plot = event.target.closest(".plot svg");
      if (plot && !plot.contains(event.relatedTarget)) leave(plot.closest(".chart"));
    });
    main.addEventListener("keydown", event => {
      const chart = event.target.closest(".chart");
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!chart || !step) return;
      event.preventDefault();
      const times = pointsOf(chart).map(([time]) => time);
      const at = times.indexOf(Number(chart.dataset.at));
      const next = at < 0 ? times.length - 1 : at + step;
      if (times[next] !== undefined) point(chart, times[next]);
    });
    main.addEventListener("focusout", event => {
      const chart = event.target.closest(".chart");
      if (chart) leave(chart);
    });
  }

  // === begin ===

  // A cookie remembers the language; a shared address should not choose it for others.
  const asked = new URLSearchParams(location.search);
  if (asked.has("lang")) {
    asked.delete("lang");
    history.replaceState(null, "", asked.size ? `?${asked}` : location.pathname);
  }
  // The link to the other language keeps the current filters.
  document.querySelector("[data-switch]").addEventListener("click", event => {
    event.preventDefault();
    const parameters = new URLSearchParams(location.search);
    parameters.set("lang", event.currentTarget.dataset.switch);
    location.search = parameters.toString();
  });
  if (filter) followForm();
  if (table) for (const row of table.tBodies) watch(row);
  else followPointer();
  tickAll();
  setInterval(() => { if (!document.hidden) tickAll(); }, 1000);
  if (said.feed) {
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) {
        askLater();
      } else {
        tickAll();
        ask();
      }
    });
    askLater();
  }
})();
