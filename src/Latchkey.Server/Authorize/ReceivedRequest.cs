using Latchkey.Protocol;

namespace Latchkey.Server.Authorize;

/// <summary>The parameters of an authorization request as they count, and by which way they came.</summary>
/// <param name="Parameters">The request's own, the pushed ones, or the claims of its request object.</param>
internal sealed record ReceivedRequest(Parameters Parameters)
{
    /// <summary>What a pushed request is found and used up by (RFC 9126), in base64url; null for one that the browser brought.</summary>
    public string? Pushed { get; init; }

    /// <summary>Whether the client signed them (RFC 9101).</summary>
    public bool IsSigned { get; init; }

    public override string ToString() => $"request {(Pushed is null ? "by the browser" : "pushed")}{(IsSigned ? ", signed" : "")}";
}
