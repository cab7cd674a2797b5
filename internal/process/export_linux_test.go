package process

var (
	Numbers          = numbers
	CountDescriptors = countDescriptors
)
