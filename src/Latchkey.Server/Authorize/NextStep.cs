using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.Login;
using Latchkey.Storage;

namespace Latchkey.Server.Authorize;

/// <summary>What a request that is right in everything still needs.</summary>
internal abstract record NextStep
{
    private NextStep()
    {
    }

    /// <summary>The client is told that it can't be.</summary>
    internal sealed record Refuse(OAuthError Error) : NextStep;

    /// <summary>Somebody has to sign in.</summary>
    internal sealed record SignIn : NextStep;

    /// <summary>The person has to say as whom to go on.</summary>
    internal sealed record ChooseAccount : NextStep;

    /// <summary>The person has to agree.</summary>
    internal sealed record AskConsent(SignedIn SignedIn) : NextStep;

    /// <summary>Nothing: the client gets its code.</summary>
    internal sealed record Answer(SignedIn SignedIn) : NextStep;
}

/// <summary>Decides what comes next: sign in, choose, agree, answer (OpenID Connect Core sections 3.1.2.3 and 3.1.2.4).</summary>
internal sealed class NextStepDecision(Database database, UserDirectory users)
{
    /// <summary>Decides.</summary>
    /// <param name="request">The request.</param>
    /// <param name="interaction">What has been settled since it came.</param>
    /// <param name="signedIn">Who is signed in; null for nobody.</param>
    /// <param name="now">Unix milliseconds.</param>
    public async ValueTask<NextStep> DecideAsync(AuthorizationRequest request, Interaction interaction, SignedIn? signedIn, long now)
    {
        var silent = request.Prompt.HasFlag(Prompt.None);

        // 0. Can it be had at all? Nobody signs in for nothing.
        if (request.Claims.EssentialAcr is { } contexts && !contexts.Any(SignInSessions.AcrValuesSupported.Contains)) return new NextStep.Refuse(NotStrongEnough);

        // 1. Who is it? Whoever has signed in for this very request is not asked again.
        if (signedIn is null) return silent ? new NextStep.Refuse(NobodySignedIn) : new NextStep.SignIn();
        var subject = signedIn.User.Subject;
        var justSignedIn = interaction.AuthenticatedSubject == subject && signedIn.Session.AuthTime >= interaction.StartedAt / 1000;
        if (!justSignedIn)
        {
            if (request.Prompt.HasFlag(Prompt.Login)) return new NextStep.SignIn();
            if (IsTooOld(signedIn.Session, request.MaxAge, now)) return silent ? new NextStep.Refuse(TooLongAgo) : new NextStep.SignIn();
        }

        // 2. Is it who was asked for?
        if (request.IsForSomebodyElse(subject))
            return silent || justSignedIn ? new NextStep.Refuse(SomebodyElse) : new NextStep.SignIn();
        var settled = justSignedIn || interaction.ChosenSubject == subject;
        if (!silent && !settled && await IsHintAtAnotherAsync(request, signedIn.User).ConfigureAwait(false)) return new NextStep.SignIn();
        if (request.Prompt.HasFlag(Prompt.SelectAccount) && !settled) return new NextStep.ChooseAccount();

        // 3. Is the sign-in strong enough?
        if (request.Claims.EssentialAcr is { } wanted && !wanted.Contains(signedIn.Session.Acr))
            return silent || justSignedIn ? new NextStep.Refuse(NotStrongEnough) : new NextStep.SignIn();

        // What is merely wished for is tried for once, where it can be had at all (RFC 9470 section 5).
        if (!silent && !justSignedIn && request.AcrValues.Any(SignInSessions.AcrValuesSupported.Contains) && !request.AcrValues.Contains(signedIn.Session.Acr))
            return new NextStep.SignIn();

        // 4. Did the person agree?
        if (!await NeedsConsentAsync(request, subject).ConfigureAwait(false)) return new NextStep.Answer(signedIn);
        return silent ? new NextStep.Refuse(NotAgreed) : new NextStep.AskConsent(signedIn);
    }

    private static OAuthError NobodySignedIn => OAuthError.LoginRequired("Nobody is signed in; ask again without prompt=none.");

    private static OAuthError TooLongAgo => OAuthError.LoginRequired("The sign-in is older than max_age; ask again without prompt=none.");

    private static OAuthError SomebodyElse => OAuthError.LoginRequired("Somebody else than the person asked for is signed in.");

    private static OAuthError NotStrongEnough =>
        OAuthError.UnmetAuthenticationRequirements("None of the acr values asked for as essential can be reached.");

    private static OAuthError NotAgreed => OAuthError.ConsentRequired("The person has not agreed to all that is asked for; ask again without prompt=none.");

    // A second old at max_age=1 is not too old yet; max_age=0 is like prompt=login (OpenID Connect Core section 3.1.2.1).
    private static bool IsTooOld(Session session, long? maxAge, long now) =>
        maxAge is { } seconds && (seconds == 0 || (now / 1000) - session.AuthTime > seconds);

    // Only pages heed the hint, since it is no more than that: a client learns nothing of which names exist by sending some.
    private async ValueTask<bool> IsHintAtAnotherAsync(AuthorizationRequest request, User user)
    {
        if (request.LoginHint is not { } hint || hint == user.Subject || hint.Equals(user.Claim("email"), StringComparison.OrdinalIgnoreCase)) return false;
        return await users.FindByUsernameAsync(hint).ConfigureAwait(false) is { } named && named.Subject != user.Subject;
    }

    private async ValueTask<bool> NeedsConsentAsync(AuthorizationRequest request, string subject)
    {
        if (request.Prompt.HasFlag(Prompt.Consent)) return true;
        if (request.Client.Metadata.SkipConsent) return false;
        if (IsImpersonable(request)) return true;
        var consent = await database.ReadAsync(sql => Consents.FindAsync(sql, subject, request.Client.Id)).ConfigureAwait(false);
        // A client that nobody checked and that has changed where answers go, or its keys, is another one.
        return consent is null || consent.Fingerprint != request.Client.Fingerprint || !Covers(consent, request);
    }

    // Any program on a device can claim a native app's id and address: its person is asked every time (RFC 8252 section 8.6).
    private static bool IsImpersonable(AuthorizationRequest request) =>
        request.Client is { Metadata.IsPublic: true } client && (client.Metadata.IsNative || client.IsSelfRegistered) && !request.Return.RedirectUri.StartsWith("https:", StringComparison.Ordinal);

    // Claims asked for one by one are agreed to with the scope they belong to, or each time.
    private static bool Covers(Storage.Consent consent, AuthorizationRequest request)
    {
        var scopes = consent.Scope.Split(' ');
        var resources = consent.Resources.Split(' ');
        return request.Scope.All(scopes.Contains)
            && request.Resources.All(resource => resources.Contains(resource.Resource))
            && request.Details.AreAmong(consent.AuthorizationDetails)
            && request.Claims.Names.All(name => scopes.Any(scope => ScopeClaims.Table.TryGetValue(scope, out var claims) && claims.Contains(name)));
    }
}
