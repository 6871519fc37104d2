// Keeps what has changed, and tells desk.js of it.
(...texts) => {
    document.dispatchEvent(new CustomEvent("novelgen-changed"));
    return window.novelgenStories?.keep(...texts) ?? [];
}
