// Tells desk.js that something has happened.
(...values) => {
    document.dispatchEvent(new CustomEvent("NAME"));
    return [];
}
