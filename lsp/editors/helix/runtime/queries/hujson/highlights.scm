; inherits: json

(comment) @comment
