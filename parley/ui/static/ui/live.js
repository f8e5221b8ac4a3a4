/* Filled by the inbox: what changed elsewhere, without reloading. */
