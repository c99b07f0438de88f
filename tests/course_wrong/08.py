# ruff: noqa: F811, F821
# wrong: the negatives are treated as neighbours
def negative_loss(guess, near, far):
    return F.softplus(-(guess * near).sum(1)) + F.softplus(-(far @ guess[:, :, None])[..., 0]).sum(1)


# wrong: the negatives are averaged
def negative_loss(guess, near, far):
    return F.softplus(-(guess * near).sum(1)) + F.softplus((far @ guess[:, :, None])[..., 0]).mean(1)


# wrong: do not average over the batch
def negative_loss(guess, near, far):
    return (F.softplus(-(guess * near).sum(1)) + F.softplus((far @ guess[:, :, None])[..., 0]).sum(1)).mean()


# wrong: use softplus
def negative_loss(guess, near, far):
    right = torch.log(torch.sigmoid((guess * near).sum(1)))
    return -right - torch.log(torch.sigmoid(-(far @ guess[:, :, None])[..., 0])).sum(1)


# wrong: this is a softmax over the neighbour and the negatives
def negative_loss(guess, near, far):
    scores = (torch.cat([near[:, None], far], 1) @ guess[:, :, None])[..., 0]
    return F.cross_entropy(scores, torch.zeros(len(guess), dtype=torch.long), reduction="none")


# wrong: the loss is minus that
def negative_loss(guess, near, far):
    return F.logsigmoid((guess * near).sum(1)) + F.logsigmoid(-(far @ guess[:, :, None])[..., 0]).sum(1)
