// What the page's scripts share: elements, texts with {name}s, files.

// An element; strings among its content are set as text, never as HTML.
function node(tag, className, ...content) {
    const made = document.createElement(tag);
    made.className = className;
    made.append(...content);
    return made;
}

// Puts {name}s into a text.
function filled(text, values) {
    return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

// The blob becomes a download; nothing of it is left on the server.
function saveFile(blob, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
