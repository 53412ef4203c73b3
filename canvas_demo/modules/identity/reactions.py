"""What identity does about events of others."""

from canvas_demo.kernel.consumer import Reactions
from canvas_demo.kernel.forgetting import KEY_DESTROYED, when_organization_key_destroyed_forget
from canvas_demo.modules.identity.store import ORGANIZATION, QUERIES, USER

REACTIONS: Reactions = {
    # Nobody signs in under a name that can't be read any more; what they signed in with goes too.
    KEY_DESTROYED: when_organization_key_destroyed_forget(
        [ORGANIZATION, USER], QUERIES["delete_credentials_of_organization"]
    ),
}
