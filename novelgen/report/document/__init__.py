"""A document of headings, paragraphs, tables, figures and equations, and the files it becomes."""
