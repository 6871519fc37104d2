// The manuscript as a text file, made in the browser: nothing of it is left on the server.
(title, manuscript) => {
    const name = title.trim();
    // A name that every file system takes: no separators, wildcards or control characters, no dots
    // or spaces at the ends, not too long.
    const harmless = name.replace(/[\\/:*?"<>|\u0000-\u001f\u007f]/g, "_");
    const plain = harmless.replace(/^[. ]+|[. ]+$/g, "");
    const safe = [...plain].slice(0, 60).join("");
    const text = (name ? name + "\n\n" : "") + manuscript.trim() + "\n";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], {type: "text/plain;charset=utf-8"}));
    link.download = (safe || "novel") + ".txt";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
