"""``sparkgap scope list``."""

import click


@click.command("list")
def command() -> None:
    """List the learned scopes of this place, then the verb files that come with Sparkgap."""
    from controller.app.learned_scopes import MODEL_PREFIX, find_verbs, learned_names, recall, shipped_verbs

    for name in learned_names():
        verbs, blob = recall(name)
        click.echo(f"{MODEL_PREFIX + name:<24} {verbs.title}, panel of {len(blob)} bytes")
    for name in shipped_verbs():
        click.echo(f"{'verbs ' + name:<24} {find_verbs(name)[0].title}")
