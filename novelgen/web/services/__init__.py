"""What the page does, without Gradio: state in, result out."""
