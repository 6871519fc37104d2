// Tells the page's scripts that something has happened; see events.notify.
(...values) => {
    document.dispatchEvent(new CustomEvent("novelgen-NAME"));
    return [];
}
