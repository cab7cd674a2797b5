package evidence

var (
	FolderName   = folderName
	ParseFolder  = parseFolder
	InOperations = inOperations
)
