using System.Text.Json;
using Latchkey.Client.Endpoints;
using Latchkey.Protocol.Names;

namespace Latchkey.Client.Device;

/// <summary>An answer of the device authorization endpoint, checked (RFC 8628 section 3.2): people are shown it and programs open it.</summary>
internal sealed record DeviceAnswer(string DeviceCode, string UserCode, Uri VerificationUri, Uri? VerificationUriComplete, TimeSpan Lifetime, TimeSpan Interval)
{
    // Where the provider names none (section 3.2).
    private const double DefaultInterval = 5;

    // An hour between polls or a week of validity is no device sign-in any more.
    private const double MaximumInterval = 3600;
    private const double MaximumLifetime = 7 * 86_400;

    public static DeviceAnswer Read(JsonElement json)
    {
        var userCode = Text(json, ParameterNames.UserCode);
        // It is printed: nothing in it may steer a terminal.
        if (userCode.Length > 100 || userCode.Any(character => character is < ' ' or > '~')) throw Malformed(ParameterNames.UserCode);
        return new(
            Text(json, ParameterNames.DeviceCode), userCode, Address(json, "verification_uri"),
            json.TryGetProperty("verification_uri_complete", out var complete) && complete.ValueKind != JsonValueKind.Null ? Address(json, "verification_uri_complete") : null,
            TimeSpan.FromSeconds(Number(json, "expires_in", null, MaximumLifetime)),
            TimeSpan.FromSeconds(Math.Max(1, Number(json, "interval", DefaultInterval, MaximumInterval))));
    }

    /// <summary>Neither code.</summary>
    public override string ToString() => $"device authorization at {VerificationUri}";

    private static string Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text ? text : throw Malformed(name);

    private static Uri Address(JsonElement json, string name)
    {
        var address = Text(json, name);
        return Endpoint.Fault(address) is null ? new Uri(address) : throw Malformed(name);
    }

    private static double Number(JsonElement json, string name, double? absent, double maximum)
    {
        if (!json.TryGetProperty(name, out var value)) return absent ?? throw Malformed(name);
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number >= 0 ? Math.Min(number, maximum) : throw Malformed(name);
    }

    private static OAuthException Malformed(string member) => new(ClientRefusals.DeviceAnswerMalformed(member));
}
