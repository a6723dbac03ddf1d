"use strict";
(() => {
  const form = document.querySelector("form"), count = document.getElementById("count");
  const findings = [...document.querySelectorAll("article")];
  const texts = new Map();
  const text = a => texts.get(a) ?? texts.set(a, a.textContent.toLowerCase()).get(a);
  const files = [...document.querySelectorAll(".file")];
  let at = -1;
  const shown = () => findings.filter(a => !a.hidden);
  const filter = () => {
    const severities = new Set([...form.querySelectorAll("[name=severity]:checked")].map(c => c.value));
    const { q, rule, unit, framework } = form.elements;
    const words = q.value.toLowerCase().split(/\s+/).filter(Boolean);
    let n = 0;
    for (const a of findings) {
      const d = a.dataset;
      const show = severities.has(d.severity) && (!rule.value || rule.value === d.rule) &&
        (!unit.value || d.units.split(" ").includes(unit.value)) && (!framework.value || d.frameworks.split(" ").includes(framework.value)) &&
        words.every(w => text(a).includes(w));
      a.hidden = !show;
      n += show;
    }
    for (const f of files) f.hidden = !f.querySelector("article:not([hidden])");
    count.textContent = n === findings.length ? `all ${n} shown` : `${n} of ${findings.length} shown`;
    at = -1;
  };
  if (form) {
    form.hidden = false;
    form.addEventListener("input", filter);
    form.addEventListener("submit", e => e.preventDefault());
    form.addEventListener("reset", () => setTimeout(filter));
    filter();
  }
  const theme = document.getElementById("theme");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  for (const b of document.querySelectorAll("button[data-rule]")) {
    b.addEventListener("click", () => {
      form.reset();
      setTimeout(() => { form.elements.rule.value = b.dataset.rule; filter(); document.getElementById("findings").scrollIntoView(); });
    });
  }
  document.addEventListener("keydown", e => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === "Escape" && typing) { document.activeElement.blur(); return; }
    if (typing || !form) return;
    if (e.key === "/") { e.preventDefault(); form.elements.q.focus(); }
    if (e.key === "j" || e.key === "k") {
      const list = shown();
      at = Math.max(0, Math.min(list.length - 1, at + (e.key === "j" ? 1 : -1)));
      if (list[at]) { list[at].focus(); list[at].scrollIntoView({ block: "start" }); }
    }
  });
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(d => { d.open = true; }));
})();
