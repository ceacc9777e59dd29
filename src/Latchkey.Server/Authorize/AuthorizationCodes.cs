using Latchkey.Server.Login;
using Latchkey.Storage;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Authorize;

/// <summary>Answers requests that nothing stands in the way of any more.</summary>
internal sealed class AuthorizationCodes(AuthorizationResponse response, AuthorizationRequests requests, WaitingRequests waiting)
{
    /// <summary>Hands the client a code, which knows all that redeeming it needs: nothing is written but that a pushed request is used up.</summary>
    public async Task AnswerAsync(HttpContext context, WaitingRequest waited, SignedIn person)
    {
        var (request, now) = (waited.Request, waited.Now);
        if (!await requests.UseUpAsync(request).ConfigureAwait(false))
        {
            await waiting.RefuseAsync(context, request, AuthorizationRequests.Answered, person.User.Subject).ConfigureAwait(false);
            return;
        }

        var code = new AuthorizationCode
        {
            GrantId = RowId.New(person.User.Subject, now).ToString(),
            ClientId = request.Client.Id,
            Subject = person.User.Subject,
            SessionId = person.Session.Id.ToString(),
            Scope = request.Scope.ToString(),
            Resources = [.. request.Resources.Select(resource => resource.Resource)],
            RedirectUri = request.RedirectUri,
            CodeChallenge = request.CodeChallenge,
            DPoPKeyThumbprint = request.DPoPKeyThumbprint,
            Nonce = request.Nonce,
            AuthorizationDetails = request.Details.Json,
            Claims = request.Claims.Json,
            AuthTime = person.Session.AuthTime,
            Acr = person.Session.Acr,
            Amr = person.Session.Amr,
            IssuedAt = now,
        };
        await response.WriteCodeAsync(context, request, code.Seal(waited.Configuration.Keys, now)).ConfigureAwait(false);
    }
}
