using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.ResourceServer.Authorization;
using Latchkey.ResourceServer.Tokens;
using Microsoft.AspNetCore.Http;

namespace Latchkey.ResourceServer.Challenges;

/// <summary>
/// Tells a refused caller what to bring: RFC 6750 section 3, RFC 9449 section 7.1, RFC 9470 section 3 and RFC 9728 section 5.1. The Bearer challenge is
/// the first, since many clients read no other.
/// </summary>
internal static class Refusing
{
    /// <summary>No token was sent: the caller is told of no error, only what to bring (RFC 6750 section 3.1).</summary>
    public static Task AskAsync(HttpContext context, Guard guard) => WriteAsync(context, guard, 401, null, null, null, WantedOf(context));

    /// <summary>The token or its request was refused.</summary>
    public static Task DenyAsync(HttpContext context, Guard guard, Denial denial)
    {
        if (denial.Status == 503)
        {
            context.Response.Headers.RetryAfter = "5";
            return WriteBodyAsync(context, 503, "temporarily_unavailable", Describe(denial.Refusal));
        }

        return WriteAsync(context, guard, denial.Status, denial.Error, Describe(denial.Refusal), denial.Scheme, WantedOf(context));
    }

    /// <summary>The token is good, but not good enough for this endpoint.</summary>
    /// <returns>Why, for the log.</returns>
    public static async Task<Refusal> ForbidAsync(HttpContext context, Guard guard, string scheme)
    {
        var wanted = WantedOf(context);
        var (error, status, refusal) = wanted switch
        {
            // A new sign-in brings a new token, and its scopes with it: so it is asked for first.
            { LacksAuthentication: true } => ("insufficient_user_authentication", 401, AccessRefusals.Authentication(wanted)),
            { LacksUser: true } => ("insufficient_user_authentication", 401, AccessRefusals.NoUser),
            { LacksScope: true } => ("insufficient_scope", 403, AccessRefusals.Scope(wanted)),
            _ => ("insufficient_scope", 403, AccessRefusals.Other),
        };
        await WriteAsync(context, guard, status, error, Describe(refusal), scheme, wanted).ConfigureAwait(false);
        return refusal;
    }

    private static Wanted WantedOf(HttpContext context) => context.Features.Get<Wanted>() ?? Wanted.Nothing;

    // Outward goes the code and what to do, which tells a stranger nothing; what was expected and what came is for the log.
    private static string Describe(Refusal refusal) => $"{refusal.Code}: {refusal.Mend}";

    private static Task WriteAsync(HttpContext context, Guard guard, int status, string? error, string? description, string? scheme, Wanted wanted)
    {
        var metadata = guard.Metadata.AddressFor(context.Request);
        // What was refused may be a scheme that is not offered.
        var refused = scheme is null || guard.Schemes.Contains(scheme) ? scheme : guard.Schemes[0];
        foreach (var offered in guard.Schemes)
        {
            var challenge = new Challenge(offered);
            if (offered == refused) challenge.With("error", error).With("error_description", description);
            challenge.With("scope", wanted.Scopes.Count > 0 ? string.Join(' ', wanted.Scopes) : null);
            if (wanted.LacksAuthentication || error is null)
            {
                challenge.With("acr_values", wanted.AcrValues.Count > 0 ? string.Join(' ', wanted.AcrValues) : null)
                    .With("max_age", wanted.MaxAge?.ToString(CultureInfo.InvariantCulture));
            }

            challenge.With("resource_metadata", metadata);
            if (offered == TokenTypes.DPoP) challenge.With("algs", guard.Proofs.Algorithms);
            context.Response.Headers.Append("WWW-Authenticate", challenge.ToString());
        }

        return WriteBodyAsync(context, status, error ?? "unauthorized", description ?? "Send an access token for this API in the Authorization header.");
    }

    private static async Task WriteBodyAsync(HttpContext context, int status, string error, string description)
    {
        var response = context.Response;
        response.StatusCode = status;
        response.Headers.CacheControl = "no-store";
        // A page of another origin may read what it is to bring, if the application lets it read answers at all.
        response.Headers.Append("Access-Control-Expose-Headers", "WWW-Authenticate");
        response.ContentType = "application/json";
        var body = new ArrayBufferWriter<byte>(256);
        await using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString("error", error);
            json.WriteString("error_description", description);
            json.WriteEndObject();
        }

        response.ContentLength = body.WrittenCount;
        if (!HttpMethods.IsHead(context.Request.Method)) await response.Body.WriteAsync(body.WrittenMemory, context.RequestAborted).ConfigureAwait(false);
    }
}
