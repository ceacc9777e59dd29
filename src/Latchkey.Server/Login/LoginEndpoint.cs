using Latchkey.Protocol.Names;
using Latchkey.Server.Authorize;
using Latchkey.Server.Configuration;
using Latchkey.Server.Hosting;
using Latchkey.Server.Pages;
using Latchkey.Storage;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Login;

/// <summary>Signs a person in by name and password, then lets go on what waited for it.</summary>
internal sealed class LoginEndpoint(
    ConfigurationSource configuration, WaitingRequests waiting, UserDirectory users, SignInSessions sessions, LoginRedirect redirect, PageForms forms,
    RateLimits limits, Auditor auditor, ServerOptions options, TimeProvider clock) : IDisposable
{
    private static readonly string[] PasswordOnly = ["pwd"];

    // A permit is in the hands of each who is being checked, not of each who waits for it: a hundred right passwords at once are no guessing.
    // Fewer at a time than one name has permits.
    private readonly SemaphoreSlim _checks = new(Math.Clamp(Environment.ProcessorCount, 2, 16));

    /// <summary>GET: the form.</summary>
    public async Task HandleGetAsync(HttpContext context)
    {
        var request = RequestForm.ReadQuery(context)[ParameterNames.Request];
        if (request is null && await sessions.FindAsync(context).ConfigureAwait(false) is not null)
        {
            context.RedirectTo(redirect.Onward(Interaction.ForAccount()));
            return;
        }

        if (await ResumeAsync(context, request).ConfigureAwait(false) is { } waited)
            await WriteFormAsync(context, request, waited, waited.Request?.LoginHint, error: null).ConfigureAwait(false);
    }

    /// <summary>POST: the sign-in.</summary>
    public async Task HandlePostAsync(HttpContext context)
    {
        // 1. Is the form one of ours, and does what waits still wait?
        if ((await forms.ReadAsync(context).ConfigureAwait(false)).Refused(out var error, out var form))
        {
            await context.WriteErrorPageAsync(error).ConfigureAwait(false);
            return;
        }

        var request = form[ParameterNames.Request];
        if (await ResumeAsync(context, request).ConfigureAwait(false) is not { } waited) return;

        // 2. Is it the person? Whatever is wrong, the page says the same.
        var (username, password) = (form["username"], form["password"]);
        var (user, wrong, wait) = username is null || password is null
            ? (null, LoginError.NoMatch, TimeSpan.Zero)
            : await CheckAsync(context, username, password).ConfigureAwait(false);
        if (user is null)
        {
            await WriteFormAsync(context, request, waited, username, wrong, wait).ConfigureAwait(false);
            return;
        }

        // 3. A new session, and on.
        await sessions.BeginAsync(context, user, PasswordOnly).ConfigureAwait(false);
        context.RedirectTo(redirect.Onward(waited.Interaction with { AuthenticatedSubject = user.Subject, ChosenSubject = null, RenderedFor = null }));
    }

    /// <inheritdoc />
    public void Dispose() => _checks.Dispose();

    private async ValueTask<(User? User, LoginError Error, TimeSpan Wait)> CheckAsync(HttpContext context, string username, string password)
    {
        await _checks.WaitAsync(context.RequestAborted).ConfigureAwait(false);
        try
        {
            if (!limits.TryTakeSignIn(context, username, out var retryAfter))
            {
                RateLimits.Refuse(context, retryAfter);
                return (null, LoginError.TooManyAttempts, retryAfter);
            }

            var result = await users.CheckPasswordAsync(username, password, auditor.Event(context, AuditEvents.SignIn)).ConfigureAwait(false);
            if (result.User is not null) limits.GiveBackSignIn(context, username);
            return (result.User, LoginError.NoMatch, TimeSpan.Zero);
        }
        finally
        {
            _checks.Release();
        }
    }

    /// <summary>What waits for a sign-in; the request is null where it is not one of an app.</summary>
    private sealed record Waiting(Interaction Interaction, AuthorizationRequest? Request);

    private async ValueTask<Waiting?> ResumeAsync(HttpContext context, string? request)
    {
        if (request is null) return new(Interaction.ForAccount(), null);
        var current = configuration.Current;
        switch (Interaction.Open(current.Keys, request))
        {
            case null:
                await context.WriteErrorPageAsync(WaitingRequests.NotOurs).ConfigureAwait(false);
                return null;
            case { Kind: InteractionKind.Authorize } interaction:
                return await waiting.ResumeAsync(context, interaction, current).ConfigureAwait(false) is { } waited ? new(interaction, waited.Request) : null;
            case var interaction when interaction.IsExpired(options, clock.GetUtcNow().ToUnixTimeMilliseconds()):
                await WaitingRequests.WriteExpiredAsync(context, null).ConfigureAwait(false);
                return null;
            case var interaction:
                return new(interaction, null);
        }
    }

    private Task WriteFormAsync(HttpContext context, string? request, Waiting waited, string? username, LoginError? error, TimeSpan wait = default)
    {
        var status = error is LoginError.TooManyAttempts ? StatusCodes.Status429TooManyRequests : StatusCodes.Status200OK;
        var app = waited.Request is { } authorization ? AppView.Of(authorization.Client.Metadata) : null;
        return context.WritePageAsync(
            LoginPage.Create(new LoginView(forms.Token(context), request, app, username, error, wait)), status, formAction: waited.Request?.Return.RedirectUri);
    }
}
