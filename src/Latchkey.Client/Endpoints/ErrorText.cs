using System.Net.Http.Headers;
using Latchkey.Protocol;
using Latchkey.Verification.Providers;

namespace Latchkey.Client.Endpoints;

/// <summary>Makes a stranger's error texts fit to be logged and shown.</summary>
internal static class ErrorText
{
    private const int MaximumLength = 500;

    /// <summary>Whether this can be an error code (RFC 6749 section 5.2).</summary>
    public static bool IsCode(string text) => text.Length is > 0 and <= 100 && text.All(character => character is >= '!' and <= '~' and not '"' and not '\\');

    /// <summary>A description without control characters (which forge log lines and terminals) and without anything secret.</summary>
    /// <param name="description">As sent.</param>
    /// <param name="secrets">What was secret in the request.</param>
    public static string? Clean(string? description, IEnumerable<string> secrets)
    {
        if (string.IsNullOrWhiteSpace(description)) return null;
        foreach (var secret in secrets)
        {
            if (secret.Length > 0) description = description.Replace(secret, "(removed)", StringComparison.Ordinal);
        }

        if (description.Length > MaximumLength) description = string.Concat(description.AsSpan(0, MaximumLength), "…");
        return string.Create(description.Length, description, static (span, text) =>
        {
            for (var i = 0; i < span.Length; i++) span[i] = char.IsControl(text[i]) || char.IsSurrogate(text[i]) || text[i] is >= '\u2028' and <= '\u202e' ? ' ' : text[i];
        });
    }

    /// <summary>An address that a developer may open; anything else is dropped.</summary>
    public static Uri? Link(string? address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.Scheme is "https" or "http" ? uri : null;

    /// <summary>How the provider names a request in its log; null if it does not say, or in no way that is fit to be shown.</summary>
    public static string? RequestId(HttpResponseHeaders headers)
    {
        foreach (var name in (ReadOnlySpan<string>)["X-Request-Id", "Request-Id"])
        {
            if (headers.TryGetValues(name, out var values) && values.FirstOrDefault() is { } id && id.Length <= 128 && IsCode(id)) return id;
        }

        return null;
    }

    /// <summary>A failure without an OAuth error: a proxy's, mostly.</summary>
    public static ProviderException NoCode(ProviderAnswer answer) => new(
        new Refusal("LK-CLIENT-ERROR-MALFORMED", $"{answer.Address} answered {answer.Status} without an OAuth error.", "RFC 6749 5.2",
            "Look at what answers there: a proxy in between is the usual cause."),
        isTransient: answer.Status is >= 500 or 429 or 408);
}
