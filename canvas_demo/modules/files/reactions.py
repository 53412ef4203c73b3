"""What files does about events of others."""

from canvas_demo.kernel.consumer import Reactions
from canvas_demo.kernel.forgetting import KEY_DESTROYED, when_organization_key_destroyed_forget
from canvas_demo.modules.files.store import FILE, QUERIES

REACTIONS: Reactions = {KEY_DESTROYED: when_organization_key_destroyed_forget([FILE], QUERIES["forget_uploads"])}
