using Latchkey.Protocol;
using Microsoft.Extensions.Logging;

namespace Latchkey.ResourceServer.Diagnostics;

/// <summary>One line for each refusal: code, reason, section and mend, each a field of its own. Never a token.</summary>
internal static partial class RefusalLog
{
    /// <summary>The category of the lines.</summary>
    public const string Category = "Latchkey.ResourceServer.Refusals";

    public static void TokenRefused(this ILogger log, string method, string? path, Refusal refusal) =>
        log.TokenRefused(method, path, refusal.Code, refusal.Reason, refusal.Mend, refusal.Section);

    public static void AccessRefused(this ILogger log, string method, string? path, string? client, Refusal refusal) =>
        log.AccessRefused(method, path, client, refusal.Code, refusal.Reason, refusal.Mend, refusal.Section);

    public static void ProviderUnavailable(this ILogger log, string method, string? path, Refusal refusal) =>
        log.ProviderUnavailable(method, path, refusal.Code, refusal.Reason, refusal.Mend, refusal.Section);

    [LoggerMessage(4, LogLevel.Debug, "{Method} {Path} needs an access token, and none was sent.")]
    public static partial void Asked(this ILogger log, string method, string path);

    [LoggerMessage(1, LogLevel.Information, "{Method} {Path} refused, {Code}: {Reason} {Mend} ({Section})")]
    private static partial void TokenRefused(this ILogger log, string method, string? path, string code, string reason, string mend, string section);

    [LoggerMessage(2, LogLevel.Information, "{Method} {Path} refused to {Client}, {Code}: {Reason} {Mend} ({Section})")]
    private static partial void AccessRefused(this ILogger log, string method, string? path, string? client, string code, string reason, string mend, string section);

    [LoggerMessage(3, LogLevel.Error, "{Method} {Path} can't be judged, {Code}: {Reason} {Mend} ({Section})")]
    private static partial void ProviderUnavailable(this ILogger log, string method, string? path, string code, string reason, string mend, string section);
}
