using System.Text.Json;
using System.Text.Json.Serialization;
using Latchkey.Server.Authorize;
using Latchkey.Server.Keys;

namespace Latchkey.Server.Backchannel;

/// <summary>What a ping needs (OpenID Connect CIBA Core section 10.2). Both are secrets: at rest they are encrypted.</summary>
/// <param name="RequestId">The <c>auth_req_id</c>.</param>
/// <param name="Token">The <c>client_notification_token</c>.</param>
internal sealed record BackchannelNotification(string RequestId, string Token)
{
    /// <summary>The form in which it is kept.</summary>
    public string Seal(KeyRing keys, long now) =>
        SealedBlob.Seal(keys, now, JsonSerializer.SerializeToUtf8Bytes(this, BackchannelJson.Default.BackchannelNotification), "ciba_ping"u8);

    /// <summary>Opens what <see cref="Seal"/> made; null for anything else, or when its key is gone.</summary>
    public static BackchannelNotification? Open(KeyRing keys, string text) =>
        SealedBlob.Open(keys, text, "ciba_ping"u8) is { } plain ? JsonSerializer.Deserialize(plain, BackchannelJson.Default.BackchannelNotification) : null;

    /// <summary>Never the secrets.</summary>
    public override string ToString() => "backchannel notification";
}

/// <summary>How a client learns what a person said (section 5).</summary>
internal static class BackchannelDelivery
{
    /// <summary>The modes there are: tokens are always fetched.</summary>
    public static IReadOnlyList<string> Modes { get; } = ["poll", "ping"];
}

/// <summary>A ping as it waits in the outbox.</summary>
/// <param name="ClientId">Whom to tell.</param>
/// <param name="Sub">Who decided.</param>
/// <param name="Notification">What to tell, sealed.</param>
/// <param name="ExpiresAt">When the request ends and nobody need be told any more, unix milliseconds.</param>
internal sealed record BackchannelPing(string ClientId, string Sub, string Notification, long ExpiresAt);

/// <summary>The body of a ping.</summary>
internal sealed record BackchannelPingBody(string AuthReqId)
{
    public override string ToString() => "ping";
}

/// <summary>An answer of the backchannel authentication endpoint, section 7.3.</summary>
internal sealed record BackchannelAuthenticationAnswer(string AuthReqId, int ExpiresIn, int Interval)
{
    public override string ToString() => $"backchannel authentication, {ExpiresIn} s";
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(BackchannelNotification))]
[JsonSerializable(typeof(BackchannelPing))]
[JsonSerializable(typeof(BackchannelPingBody))]
[JsonSerializable(typeof(BackchannelAuthenticationAnswer))]
internal sealed partial class BackchannelJson : JsonSerializerContext;
