using System.Text.Json;
using Latchkey.Protocol;
using Latchkey.Server.ClientAuthentication;
using Latchkey.Server.Configuration;
using Latchkey.Server.Hosting;
using Latchkey.Server.Login;
using Latchkey.Server.Token;
using Latchkey.Storage;
using Latchkey.Verification.Jose;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Revocation;

/// <summary>
/// Global Token Revocation (draft-parecki-oauth-global-token-revocation): a security tool or an identity provider ends all that a person has given and
/// every session of theirs; they sign in again. Only clients that are declared for it may.
/// </summary>
internal sealed class GlobalRevocationEndpoint(
    ConfigurationSource configurations, ClientAuthenticator authenticator, AccessTokens accessTokens, UserDirectory users, Database database, Auditor auditor,
    ServerOptions options)
{
    private const int MaximumSize = 16 * 1024;
    private const string Bearer = "Bearer ";

    /// <summary>Answers <c>POST /global-token-revocation</c>.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        // 1. Who asks, and whether they may.
        var configuration = configurations.Current;
        if ((await AuthenticateAsync(context, configuration).ConfigureAwait(false)).Refused(out var error, out var client))
        {
            await RefuseAsync(context, error).ConfigureAwait(false);
            return;
        }

        var audit = auditor.Event(context, AuditEvents.AccessEnded) with { Actor = client.Id, ClientId = client.Id };
        if (!client.Metadata.GlobalTokenRevocation)
        {
            auditor.Note(audit with { Outcome = AuditOutcomes.Refused });
            await context.WriteErrorAsync(
                new OAuthError("unauthorized_client", "This client may not end people's access; set global_token_revocation on it.", StatusCodes.Status403Forbidden)).ConfigureAwait(false);
            return;
        }

        // 2. Whose access.
        if ((await ReadAsync(context).ConfigureAwait(false)).Refused(out error, out var subject))
        {
            await context.WriteErrorAsync(error).ConfigureAwait(false);
            return;
        }

        var found = await FindAsync(subject).ConfigureAwait(false);
        if (found.Count == 0)
        {
            await context.WriteErrorAsync(new OAuthError("invalid_request", "The sub_id names nobody who has an account here.", StatusCodes.Status404NotFound)).ConfigureAwait(false);
            return;
        }

        // 3. Everything ends, and the apps are told.
        foreach (var user in found) await users.EndAccessAsync(user.Subject, audit with { Subject = user.Subject }).ConfigureAwait(false);
        context.NoStore();
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    // A token that the client got for itself, for this very endpoint: one that it showed another API must not work here.
    private async ValueTask<Result<Client>> AuthenticateAsync(HttpContext context, ServerConfiguration configuration)
    {
        var header = context.Request.Headers.Authorization;
        if (header.Count == 0)
            return OAuthError.InvalidClient("The request names no client; authenticate with the Authorization header: Basic, or an access token for this endpoint.");
        if (header.Count > 1 || header[0]?.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) != true)
        {
            if ((await authenticator.AuthenticateAsync(context, Parameters.Empty, configuration).ConfigureAwait(false)).Refused(out var unproven, out var client)) return unproven;
            if (client.Metadata.IsPublic) return OAuthError.InvalidClient("A public client can't be trusted with this; give it a secret.");
            return client;
        }

        if ((await accessTokens.VerifyAsync(header[0]![Bearer.Length..].Trim(), configuration, auditor.Now).ConfigureAwait(false)).Refused(out var error, out var token)) return error;
        if (token.Grant is not null || token.Subject != token.ClientId || token.Confirmation is not null || !token.Audience.Contains(options.Endpoint("/global-token-revocation")))
            return OAuthError.InvalidToken("The access token is not one that a client got for itself with this endpoint as its resource.");
        if (configuration.FindClient(token.ClientId) is not { } caller) return OAuthError.InvalidToken("The client of the access token is gone.");
        return caller;
    }

    private Task RefuseAsync(HttpContext context, OAuthError error)
    {
        if (error.Status != StatusCodes.Status401Unauthorized) return context.WriteErrorAsync(error);
        context.Response.Headers.WWWAuthenticate = error.Code == "invalid_token"
            ? $"Bearer realm=\"{options.Issuer}\", error=\"{error.Code}\", error_description=\"{error.Description}\""
            : $"Basic realm=\"{options.Issuer}\", charset=\"UTF-8\"";
        return context.WriteErrorAsync(error);
    }

    /// <summary>Reads <c>sub_id</c>, a subject identifier (RFC 9493): <c>iss_sub</c>, <c>email</c> or <c>opaque</c>.</summary>
    private async ValueTask<Result<SubjectId>> ReadAsync(HttpContext context)
    {
        if (context.Request.ContentType?.StartsWith("application/json", StringComparison.OrdinalIgnoreCase) != true)
            return OAuthError.InvalidRequest("The body is not JSON; send it as application/json.");
        var body = new byte[MaximumSize + 1];
        var length = await context.Request.Body.ReadAtLeastAsync(body, body.Length, throwOnEndOfStream: false, context.RequestAborted).ConfigureAwait(false);
        if (length > MaximumSize) return OAuthError.InvalidRequest($"The body has more than {MaximumSize} bytes.");
        if (!JsonMembers.IsText(body.AsSpan(0, length))) return OAuthError.InvalidRequest("The body is not in UTF-8, or holds half a character.");
        try
        {
            using var document = JsonDocument.Parse(body.AsMemory(0, length), new JsonDocumentOptions { AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("sub_id", out var id) || id.ValueKind != JsonValueKind.Object)
                return OAuthError.InvalidRequest("sub_id is missing; send a subject identifier (RFC 9493).");
            switch (Text(id, "format"))
            {
                case "iss_sub" when Text(id, "iss") is { } issuer && Text(id, "sub") is { } subject:
                    if (issuer != options.Issuer) return OAuthError.InvalidRequest($"The iss of sub_id is {options.Issuer} here.");
                    return new SubjectId(subject, null);
                case "opaque" when Text(id, "id") is { } opaque:
                    return new SubjectId(opaque, null);
                case "email" when Text(id, "email") is { } email:
                    return new SubjectId(null, email);
                case "iss_sub" or "opaque" or "email":
                    return OAuthError.InvalidRequest("The sub_id lacks a member of its format, or one is no text.");
                default:
                    return OAuthError.InvalidRequest("The format of sub_id is not known here; send iss_sub, email or opaque.");
            }
        }
        catch (JsonException)
        {
            return OAuthError.InvalidRequest("The body is no valid JSON.");
        }
    }

    private async ValueTask<List<User>> FindAsync(SubjectId id)
    {
        if (id.Email is { } email) return await database.ReadAsync(sql => Users.ListByEmailAsync(sql, email)).ConfigureAwait(false);
        return await database.ReadAsync(sql => Users.FindAsync(sql, id.Subject!)).ConfigureAwait(false) is { } user ? [user] : [];
    }

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 and <= 1024 } text && !text.Any(char.IsControl)
            ? text
            : null;

    private sealed record SubjectId(string? Subject, string? Email);
}
