using Latchkey.Testing.Mock;
using Latchkey.Testing.Requests;
using Latchkey.Testing.Tokens;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace Latchkey.Testing.Misconduct;

/// <summary>Stands before the server: records what comes, and lets faults and the rogue have their way with what goes.</summary>
internal sealed class Interceptor(TestAuthority authority, AutomaticApproval? approval, CancellationToken stopping)
{
    private const int LargestForm = 1024 * 1024;

    public async Task HandleAsync(HttpContext context, RequestDelegate next)
    {
        var path = PathBelowIssuer(context.Request);
        var request = new RecordedRequest(
            authority.Time.GetUtcNow(), context.Request.Method, path,
            Pairs(QueryHelpers.ParseNullableQuery(context.Request.QueryString.Value)), await FormAsync(context.Request).ConfigureAwait(false),
            context.Request.Headers.SelectMany(header => header.Value.Select(value => KeyValuePair.Create(header.Key, value ?? ""))));
        authority.Requests.Add(request);

        using var exchange = new Exchange(context, next, authority.Time, stopping);
        if (authority.Faults.Take(path, request["grant_type"]) is { } fault)
        {
            request.Fault = fault.ToString();
            await fault.Apply(exchange).ConfigureAwait(false);
        }
        else if (path == TokenSigner.StrangeKeysPath)
        {
            await exchange.AnswerAsync(200, "application/json", TokenSigner.StrangeKeys()).ConfigureAwait(false);
        }
        else if (!authority.Rogue.AnswerInstead(exchange, path))
        {
            if (approval is null || !await approval.AnswerAsync(exchange, path).ConfigureAwait(false)) await exchange.ContinueAsync().ConfigureAwait(false);
            if (approval is not null) await approval.ApproveDeviceAsync(exchange, path).ConfigureAwait(false);
        }

        if (exchange.IsCut) return;
        authority.Rogue.Spoil(exchange, path);
        request.Status = context.Response.StatusCode;
        request.Error = (string?)exchange.Json()?["error"] ?? UrlParameters.Read(QueryOf(context.Response.Headers.Location)).GetValueOrDefault("error");
        await exchange.SendAsync().ConfigureAwait(false);
    }

    private static string QueryOf(string? location) => location?.IndexOf('?', StringComparison.Ordinal) is { } at and >= 0 ? location[at..] : "";

    private static IEnumerable<KeyValuePair<string, string>> Pairs(Dictionary<string, Microsoft.Extensions.Primitives.StringValues>? values) =>
        (values ?? []).SelectMany(pair => pair.Value.Select(value => KeyValuePair.Create(pair.Key, value ?? "")));

    // A copy of the body is read, the server gets it whole.
    private static async Task<IEnumerable<KeyValuePair<string, string>>> FormAsync(HttpRequest request)
    {
        if (request.ContentType?.StartsWith("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase) != true || request.ContentLength > LargestForm) return [];
        request.EnableBuffering();
        using var reader = new StreamReader(request.Body, leaveOpen: true);
        var text = await reader.ReadToEndAsync(request.HttpContext.RequestAborted).ConfigureAwait(false);
        request.Body.Position = 0;
        return Pairs(QueryHelpers.ParseNullableQuery(text));
    }

    private string PathBelowIssuer(HttpRequest request)
    {
        var pathBase = authority.Options.PathBase;
        var path = request.Path.Value ?? "/";
        return pathBase.Length > 0 && path.StartsWith(pathBase + "/", StringComparison.Ordinal) ? path[pathBase.Length..] : path;
    }
}
