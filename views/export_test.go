package views

// WithClock lets tests date collections without a point.
var WithClock = withClock
