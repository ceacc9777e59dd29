using Latchkey.Server.Account;
using Latchkey.Server.Admin;
using Latchkey.Server.Authorize;
using Latchkey.Server.Backchannel;
using Latchkey.Server.ClientAuthentication;
using Latchkey.Server.Configuration;
using Latchkey.Server.Consent;
using Latchkey.Server.Device;
using Latchkey.Server.Diagnostics;
using Latchkey.Server.Discovery;
using Latchkey.Server.Fetching;
using Latchkey.Server.Hosting;
using Latchkey.Server.Introspection;
using Latchkey.Server.Keys;
using Latchkey.Server.Login;
using Latchkey.Server.Logout;
using Latchkey.Server.Pages;
using Latchkey.Server.PushedAuthorization;
using Latchkey.Server.Registration;
using Latchkey.Server.Revocation;
using Latchkey.Server.SenderConstraint;
using Latchkey.Server.Token;
using Latchkey.Server.TokenStatus;
using Latchkey.Server.UserInfo;
using Latchkey.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace Latchkey.Server;

/// <summary>The map: every route of the server on one screen, and what they need.</summary>
public static partial class LatchkeyServer
{
    /// <summary>Adds the server's services. Data Protection must be set up by the host: it encrypts the signing keys.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="options">What the operator set.</param>
    /// <param name="database">Where the state is kept; migrated and owned by the host.</param>
    public static IServiceCollection AddLatchkeyServer(this IServiceCollection services, ServerOptions options, Database database)
    {
        services.AddSingleton(options);
        services.AddSingleton(database);
        services.TryAddSingleton(TimeProvider.System);

        // Hosting
        services.Configure<KestrelServerOptions>(kestrel =>
        {
            kestrel.AddServerHeader = false;
            // A little more than endpoints take, so that they can say so themselves.
            kestrel.Limits.MaxRequestBodySize = 2 * RequestForm.MaximumSize;
            // Nobody who means well takes longer to say what they want; for bodies Kestrel's own limits are short enough.
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        });
        services.AddSingleton<Boundary>();
        services.AddHostedService<Gauges>();
        AddLoggers(services);
        services.AddSingleton<Health>();
        services.AddSingleton<RateLimits>();
        services.AddSingleton<Auditor>().AddHostedService(provider => provider.GetRequiredService<Auditor>());
        services.AddSingleton<Janitor>().AddHostedService(provider => provider.GetRequiredService<Janitor>());

        // Configuration and keys
        services.AddSingleton<ConfigurationSource>().AddHostedService(provider => provider.GetRequiredService<ConfigurationSource>());
        services.AddSingleton<KeyVault>();
        services.AddSingleton<KeyKeeper>().AddHostedService(provider => provider.GetRequiredService<KeyKeeper>());
        services.AddSingleton<JwksEndpoint>();
        services.AddSingleton<DiscoveryEndpoint>();

        // Other people's documents
        services.TryAddSingleton<ResolveHost>(GuardedConnections.ResolveBySystemAsync);
        services.AddSingleton<DocumentFetcher>();

        // Authorization
        services.AddSingleton<IdTokenHint>();
        services.AddSingleton<AuthorizationRequestReader>();
        services.AddSingleton<RequestObjects>();
        services.AddSingleton<AuthorizationRequests>();
        services.AddSingleton<PushedAuthorizationEndpoint>();
        services.AddSingleton<AuthorizationResponse>();
        services.AddSingleton<AuthorizationCodes>();
        services.AddSingleton<WaitingRequests>();
        services.AddSingleton<InteractionPages>();
        services.AddSingleton<NextStepDecision>();
        services.AddSingleton<AuthorizeEndpoint>();
        services.AddSingleton<ConsentEndpoint>();

        // Sign-in
        services.AddSingleton<LoginRedirect>();
        services.AddSingleton<LoginEndpoint>();
        services.AddSingleton<SelectAccountEndpoint>();
        services.AddSingleton<SignInSessions>();
        services.AddSingleton(provider => new UserDirectory(
            provider.GetRequiredService<Database>(), options, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<LogoutSignal>()));

        // Sign-out
        services.AddSingleton<LogoutEndpoint>();
        services.AddSingleton<LogoutSignal>();
        services.AddSingleton<BackchannelLogoutSender>().AddHostedService(provider => provider.GetRequiredService<BackchannelLogoutSender>());

        // Devices
        services.AddSingleton<DeviceAuthorizationEndpoint>();
        services.AddSingleton<DevicePageEndpoint>();

        // People who are asked by the back channel
        services.AddSingleton<SignedBackchannelRequests>();
        services.AddSingleton<BackchannelAuthenticationEndpoint>();

        // The account page
        services.AddSingleton<AccountOverview>();
        services.AddSingleton<AccountEndpoint>();

        // Administration
        services.AddSingleton(provider => new KeyAdministration(provider.GetRequiredService<KeyKeeper>(), provider.GetRequiredService<Database>(), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new StateApplier(
            provider.GetRequiredService<Database>(), provider.GetRequiredService<ConfigurationSource>(), provider.GetRequiredService<UserDirectory>(), options,
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<DocumentFetcher>(), provider.GetRequiredService<ILogger<StateApplier>>()));

        // Pages
        PageForms.Configure(services, options);
        services.AddSingleton<PageForms>();
        services.AddSingleton<HomeEndpoint>();

        // Clients
        services.AddSingleton<ClientDirectory>();
        services.AddSingleton<MetadataDocuments>();
        services.AddSingleton<RegisteredClientSource>();
        services.AddSingleton<SoftwareStatements>();
        services.AddSingleton<RegistrationEndpoint>();
        services.AddSingleton<ClientAuthenticator>();
        services.AddSingleton<ClientAssertions>();
        services.AddSingleton<CertificateAuthentication>();
        services.AddSingleton<ClientKeys>();
        services.AddSingleton<ClientEncryption>();

        // What tokens are bound to
        services.AddSingleton<DPoPProofs>();
        services.AddSingleton<SenderConstraints>();

        // Tokens
        services.AddSingleton<TokenEndpoint>();
        services.AddSingleton<TokenIssuer>();
        services.AddSingleton<AccessTokens>();
        services.AddSingleton<StatusIndexes>().AddHostedService(provider => provider.GetRequiredService<StatusIndexes>());
        services.AddSingleton<StatusListEndpoint>();
        services.AddSingleton<IGrant, AuthorizationCodeGrant>();
        services.AddSingleton<IGrant, RefreshTokenGrant>();
        services.AddSingleton<IGrant, ClientCredentialsGrant>();
        services.AddSingleton<IGrant, DeviceCodeGrant>();
        services.AddSingleton<IGrant, TokenExchangeGrant>();
        services.AddSingleton<IGrant, JwtBearerGrant>();
        services.AddSingleton<IGrant, CibaGrant>();
        services.AddSingleton<SubjectTokens>();
        services.AddSingleton<TrustedProviders>();
        services.AddSingleton<IntrospectionEndpoint>();
        services.AddSingleton<RevocationEndpoint>();
        services.AddSingleton<GlobalRevocationEndpoint>();
        services.AddSingleton<UserInfoEndpoint>();
        return services;
    }

    // By their closed types, which the native compiler lays out; those that only the container closes are laid out anew at each start.
    private static void AddLoggers(IServiceCollection services)
    {
        services.AddSingleton<ILogger<Auditor>, Logger<Auditor>>();
        services.AddSingleton<ILogger<BackchannelLogoutSender>, Logger<BackchannelLogoutSender>>();
        services.AddSingleton<ILogger<Boundary>, Logger<Boundary>>();
        services.AddSingleton<ILogger<ConfigurationSource>, Logger<ConfigurationSource>>();
        services.AddSingleton<ILogger<Janitor>, Logger<Janitor>>();
        services.AddSingleton<ILogger<KeyKeeper>, Logger<KeyKeeper>>();
        services.AddSingleton<ILogger<StateApplier>, Logger<StateApplier>>();
        services.AddSingleton<ILogger<StatusIndexes>, Logger<StatusIndexes>>();
    }

    /// <summary>
    /// Brings the schema, the keys and the declared state in order and reads the configuration. To be awaited before the host starts.
    /// </summary>
    /// <param name="services">The built host's services.</param>
    /// <param name="state">What the operator declared.</param>
    /// <exception cref="AdministrationException">The state declares something that can't be.</exception>
    /// <exception cref="DatabaseUnavailableException">The database can't be used.</exception>
    public static async Task PrepareLatchkeyServerAsync(this IServiceProvider services, DeclaredState state)
    {
        await services.PrepareDatabaseAsync().ConfigureAwait(false);
        await services.ApplyDeclaredStateAsync(state, StateApplier.ConfigActor).ConfigureAwait(false);
    }

    /// <summary>Takes the database into service, looking through it if the last server was not stopped in order, and brings its schema in order.</summary>
    /// <param name="services">The built host's services.</param>
    /// <exception cref="DatabaseUnavailableException">The database can't be used.</exception>
    public static async Task PrepareDatabaseAsync(this IServiceProvider services)
    {
        var database = services.GetRequiredService<Database>();
        if (await database.EnterServiceAsync().ConfigureAwait(false) is { } found) LogFound(services.GetRequiredService<ILogger<Database>>(), found);
        await database.MigrateAsync().ConfigureAwait(false);
    }

    /// <summary>Applies declared state to a database whose schema is in order, making the keys first if there are none.</summary>
    /// <param name="services">The server's services.</param>
    /// <param name="state">What the operator declared.</param>
    /// <param name="actor">Who does it, for the audit: <c>config</c> or <c>cli</c>.</param>
    /// <returns>What changed, a line each.</returns>
    /// <exception cref="AdministrationException">The state declares something that can't be.</exception>
    /// <exception cref="DatabaseUnavailableException">The database can't be used.</exception>
    public static async Task<IReadOnlyList<string>> ApplyDeclaredStateAsync(this IServiceProvider services, DeclaredState state, string actor)
    {
        await services.GetRequiredService<KeyKeeper>().EnsureAsync().ConfigureAwait(false);
        await services.GetRequiredService<ConfigurationSource>().RefreshAsync().ConfigureAwait(false);
        return await services.GetRequiredService<StateApplier>().ApplyAsync(state, actor).ConfigureAwait(false);
    }

    /// <summary>Maps every endpoint below the issuer's path.</summary>
    /// <param name="app">The host.</param>
    public static IEndpointRouteBuilder MapLatchkeyServer(this WebApplication app)
    {
        var services = app.Services;
        var boundary = services.GetRequiredService<Boundary>();
        app.Use(next => context => boundary.HandleAsync(context, next));
        app.UseRouting();

        // An endpoint is made when it is first asked: what nobody uses costs the start nothing.
        RequestDelegate To<T>(Func<T, RequestDelegate> choose) where T : notnull
        {
            RequestDelegate? handle = null;
            return context => (handle ??= choose(services.GetRequiredService<T>()))(context);
        }

        // What is known before anything is asked
        app.MapMethods("/.well-known/openid-configuration", Get, To<DiscoveryEndpoint>(endpoint => endpoint.HandleAsync));
        app.MapMethods("/.well-known/oauth-authorization-server", Get, To<DiscoveryEndpoint>(endpoint => endpoint.HandleAsync));
        app.MapMethods("/.well-known/openid-configuration/{**path}", Get, To<DiscoveryEndpoint>(endpoint => endpoint.HandleInsertedAsync));
        app.MapMethods("/.well-known/oauth-authorization-server/{**path}", Get, To<DiscoveryEndpoint>(endpoint => endpoint.HandleInsertedAsync));
        app.MapMethods("/.well-known/jwks.json", Get, To<JwksEndpoint>(endpoint => endpoint.HandleAsync));
        app.MapMethods("/status-lists/{number}", Get, To<StatusListEndpoint>(endpoint => endpoint.HandleAsync));
        app.MapMethods("/healthz/live", Get, Health.LiveAsync);
        app.MapMethods("/healthz/ready", Get, To<Health>(endpoint => endpoint.ReadyAsync));

        // What a person passes through on the way to an app
        app.MapMethods("/authorize", Get, To<AuthorizeEndpoint>(endpoint => endpoint.HandleGetAsync));
        app.MapPost("/authorize", To<AuthorizeEndpoint>(endpoint => endpoint.HandlePostAsync));
        app.MapPost("/par", To<PushedAuthorizationEndpoint>(endpoint => endpoint.HandleAsync));
        app.MapMethods("/authorize/continue", Get, To<AuthorizeEndpoint>(endpoint => endpoint.ContinueAsync));
        app.MapMethods("/login", Get, To<LoginEndpoint>(endpoint => endpoint.HandleGetAsync));
        app.MapPost("/login", To<LoginEndpoint>(endpoint => endpoint.HandlePostAsync));
        app.MapMethods("/select-account", Get, To<SelectAccountEndpoint>(endpoint => endpoint.HandleGetAsync));
        app.MapPost("/select-account", To<SelectAccountEndpoint>(endpoint => endpoint.HandlePostAsync));
        app.MapMethods("/consent", Get, To<ConsentEndpoint>(endpoint => endpoint.HandleGetAsync));
        app.MapPost("/consent", To<ConsentEndpoint>(endpoint => endpoint.HandlePostAsync));
        app.MapGet("/logout", To<LogoutEndpoint>(endpoint => endpoint.HandleGetAsync));
        app.MapPost("/logout", To<LogoutEndpoint>(endpoint => endpoint.HandlePostAsync));
        app.MapMethods("/account", Get, To<AccountEndpoint>(endpoint => endpoint.HandleGetAsync));
        app.MapPost("/account", To<AccountEndpoint>(endpoint => endpoint.HandlePostAsync));

        // What a device passes through
        app.MapPost("/device/code", To<DeviceAuthorizationEndpoint>(endpoint => endpoint.HandleAsync));
        app.MapMethods("/device", Get, To<DevicePageEndpoint>(endpoint => endpoint.HandleGetAsync));
        app.MapPost("/device", To<DevicePageEndpoint>(endpoint => endpoint.HandlePostAsync));

        // Who is asked by the back channel decides on the account page
        app.MapPost("/backchannel-authentication", To<BackchannelAuthenticationEndpoint>(endpoint => endpoint.HandleAsync));

        // Pages
        app.MapMethods("/", Get, To<HomeEndpoint>(endpoint => endpoint.HandleAsync));
        app.MapMethods(Asset.Stylesheet.Path, Get, new AssetEndpoint(Asset.Stylesheet).HandleAsync);
        app.MapMethods(Asset.Favicon.Path, Get, new AssetEndpoint(Asset.Favicon).HandleAsync);

        // Clients
        if (services.GetRequiredService<ServerOptions>().Registration != RegistrationMode.Off)
        {
            app.MapPost("/register", To<RegistrationEndpoint>(endpoint => endpoint.RegisterAsync));
            app.MapMethods("/register/{id}", Get, To<RegistrationEndpoint>(endpoint => context => endpoint.ReadAsync(context, (string)context.Request.RouteValues["id"]!)));
            app.MapPut("/register/{id}", To<RegistrationEndpoint>(endpoint => context => endpoint.UpdateAsync(context, (string)context.Request.RouteValues["id"]!)));
            app.MapDelete("/register/{id}", To<RegistrationEndpoint>(endpoint => context => endpoint.DeleteAsync(context, (string)context.Request.RouteValues["id"]!)));
        }

        // Tokens
        app.MapPost("/token", To<TokenEndpoint>(endpoint => endpoint.HandleAsync));
        app.MapPost("/introspect", To<IntrospectionEndpoint>(endpoint => endpoint.HandleAsync));
        app.MapPost("/global-token-revocation", To<GlobalRevocationEndpoint>(endpoint => endpoint.HandleAsync));
        app.MapPost("/revoke", To<RevocationEndpoint>(endpoint => endpoint.HandleAsync));
        app.MapMethods("/userinfo", GetOrPost, To<UserInfoEndpoint>(endpoint => endpoint.HandleAsync));

        return app;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Found}")]
    private static partial void LogFound(ILogger logger, string found);

    private static readonly string[] Get = ["GET", "HEAD"];
    private static readonly string[] GetOrPost = ["GET", "HEAD", "POST"];
}
