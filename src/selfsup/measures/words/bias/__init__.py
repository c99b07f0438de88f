"""What a direction does in word vectors: measures of bias, what a reducer left, what it cost."""
