using Latchkey.Protocol;
using Microsoft.Extensions.Logging;

namespace Latchkey.Client.AspNetCore.SignIn;

internal static partial class SignInLog
{
    [LoggerMessage(1, LogLevel.Warning, "A sign-in could not be started.")]
    public static partial void NotStarted(ILogger logger, Exception exception);

    [LoggerMessage(2, LogLevel.Warning, "A sign-in could not be finished.")]
    public static partial void NotFinished(ILogger logger, Exception exception);

    [LoggerMessage(3, LogLevel.Information, "A sign-in came back that this browser has not under way: {Refusal}")]
    public static partial void Lost(ILogger logger, Refusal refusal);

    [LoggerMessage(4, LogLevel.Warning, "Somebody was signed in without what userinfo says of them.")]
    public static partial void NoUserInfo(ILogger logger, Exception exception);

    [LoggerMessage(5, LogLevel.Warning, "Somebody was signed out here, but the provider could not be told to end their tokens.")]
    public static partial void NotRevoked(ILogger logger, Exception exception);

    [LoggerMessage(6, LogLevel.Warning, "A logout token was refused: {Refusal}")]
    public static partial void LogoutRefused(ILogger logger, Refusal refusal);

    [LoggerMessage(7, LogLevel.Warning, "A logout token could not be judged.")]
    public static partial void LogoutNotJudged(ILogger logger, Exception exception);
}
