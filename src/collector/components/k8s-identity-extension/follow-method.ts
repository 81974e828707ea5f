/** How agents and gateways call what they say to each other, on the wire. */

/** A server-streaming gRPC method; its messages are those of #identity, JSON. */
export const FOLLOW_NODE = "/podflame.identity.v1.Identity/FollowNode";
