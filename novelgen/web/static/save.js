// A file that the server has made becomes a download.
watch("value", () => {
    if (props.value) saveFile(new Blob([props.value.text], {type: props.value.type}), props.value.name);
});
