package filter

// Expressions are those that the comparison with tcpdump uses.
var Expressions = expressions
