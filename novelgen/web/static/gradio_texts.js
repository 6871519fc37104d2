// Gradio's curves name an older version of the library that draws them, which says so each time.
(() => {
  const warn = console.warn;
  console.warn = (...values) => {
    if (!/uses Vega-Lite v\d.*current version/.test(values.join(" "))) warn.apply(console, values);
  };
})();

// In a Chinese browser: the texts that Gradio has in English only, and the Chinese of every zh-*.
(() => {
  if (!navigator.language.toLowerCase().startsWith("zh")) return;

  // Gradio knows zh-CN and zh-TW and shows English to zh-HK, zh-SG or zh. It has no public way to
  // change the language; where this one is gone, those browsers see English labels.
  if (!["zh-CN", "zh-TW"].includes(navigator.language)) {
    const core = performance.getEntriesByType("resource").map((entry) => entry.name)
      .find((name) => /\/core-[^/]*\.js$/.test(name));
    if (core) import(core).then((module) => module.changeLocale?.("zh-CN")).catch(() => {});
  }

  const exact = new Map();
  const patterns = [];
  const escaped = (text) => text.replace(/[.*+?^$|()[\]\\]/g, "\\$&");
  for (const [english, chinese] of Object.entries(CHINESE_BY_ENGLISH)) {
    if (!english.includes("{")) {
      exact.set(english.trim(), chinese);
      continue;
    }
    const source = escaped(english).replace(/\{(\w+)\}/g, "(?<$1>.*)");
    patterns.push([new RegExp(`^${source}$`, "s"), chinese]);
  }

  const translated = (text) => {
    const whole = exact.get(text.trim());
    if (whole !== undefined) return whole;
    for (const [pattern, chinese] of patterns) {
      const groups = pattern.exec(text.trim())?.groups;
      if (groups) return chinese.replace(/\{(\w+)\}/g, (_, name) => groups[name]);
    }
    return undefined;
  };

  // Texts of visitors and models may look like Gradio's: only these places hold Gradio's own.
  // The labels of the tabs are drawn once, before the language can be changed above.
  const TEXTS = ".toast-body, [data-testid='status-tracker'], [role='tab']";
  const ATTRIBUTES = ["aria-label", "title"];

  const changeText = (node) => {
    if (!node.parentElement?.closest(TEXTS)) return;
    const text = translated(node.data);
    if (text !== undefined && text !== node.data) node.data = text;
  };
  const changeAttribute = (element, name) => {
    const text = translated(element.getAttribute(name) ?? "");
    if (text !== undefined && text !== element.getAttribute(name)) element.setAttribute(name, text);
  };
  const change = (root) => {
    if (root.nodeType === Node.TEXT_NODE) return changeText(root);
    if (root.nodeType !== Node.ELEMENT_NODE) return;
    for (const name of ATTRIBUTES) {
      changeAttribute(root, name);
      root.querySelectorAll(`[${name}]`).forEach((element) => changeAttribute(element, name));
    }
    if (!root.closest(TEXTS) && !root.querySelector(TEXTS)) return;
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) changeText(texts.currentNode);
  };

  new MutationObserver((records) => {
    for (const { type, target, attributeName, addedNodes } of records) {
      if (type === "attributes") changeAttribute(target, attributeName);
      else if (type === "characterData") changeText(target);
      else addedNodes.forEach(change);
    }
  }).observe(document.documentElement, {
    subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ATTRIBUTES,
  });
  change(document.body);
})();
